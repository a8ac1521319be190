package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/importasr"
	"example.com/asr/policy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/spf13/cobra"
)

// configTable is the output of the solution's admin stack that names its table.
const configTable = "RemediationConfigurationDynamoDBTable"

func importCommand(a *app) *cobra.Command {
	var table, stack, path, out string
	cmd := &cobra.Command{
		Use: "import-asr", Short: "Write a policy file from the settings of Automated Security Response on AWS", Args: cobra.NoArgs,
		Long: `Reads the settings of Automated Security Response on AWS in its admin account: the
table of controls and the filters in Parameter Store. Writes the policy that says
the same, as far as a policy can; it warns of the rest, in the file too. Nothing
becomes automatic that wasn't. Nothing in AWS is changed.`,
		Example: "  asr import-asr --stack automated-security-response-admin --out policy.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if (table == "") == (stack == "") {
				return usageError{errors.New("name the solution's admin stack with --stack, or its table of controls with --table")}
			}
			cfg, err := a.hubConfig(ctx)
			if err != nil {
				return err
			}
			if table == "" {
				if table, err = tableOf(ctx, cfg, stack); err != nil {
					return err
				}
			}
			s, err := importasr.Read(ctx, dynamodb.NewFromConfig(cfg), ssm.NewFromConfig(cfg), table, path)
			if err != nil {
				return err
			}
			r, err := a.convert(s)
			if err != nil {
				return err
			}
			return a.imported(r, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&stack, "stack", "", "the solution's admin stack, whose output names the table")
	f.StringVar(&table, "table", "", "the solution's table of controls")
	f.StringVar(&path, "filters", importasr.DefaultPath, "where its filters are in Parameter Store")
	f.StringVar(&out, "out", "", "file to write the policy to (default: standard output)")
	return cmd
}

// tableOf reads the table's name from the stack's outputs.
func tableOf(ctx context.Context, cfg aws.Config, stack string) (string, error) {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &stack})
	if err != nil {
		return "", &asr.Error{Code: asr.CodeNotFound, Message: "the stack " + stack + " can't be read", Do: "sign in to the solution's admin account, with cloudformation:DescribeStacks, and name its Region with --region", Err: err}
	}
	for _, s := range out.Stacks {
		for _, o := range s.Outputs {
			if aws.ToString(o.OutputKey) == configTable && aws.ToString(o.OutputValue) != "" {
				return *o.OutputValue, nil
			}
		}
	}
	return "", &asr.Error{Code: asr.CodeNotFound, Message: "the stack " + stack + " has no output " + configTable, Do: "name the solution's admin stack, or its table of controls with --table; versions before 3 have no such table"}
}

// convert makes the policy and holds it against what any policy is held to.
func (a *app) convert(s importasr.Settings) (importasr.Result, error) {
	context, err := a.lintContext()
	if err != nil {
		return importasr.Result{}, err
	}
	controls := context.Controls()
	r, err := importasr.Convert(s, func(control string) (importasr.Fix, bool) {
		i := slices.IndexFunc(controls, func(id string) bool { return strings.EqualFold(id, control) })
		if i < 0 {
			return importasr.Fix{}, false
		}
		u, ok := context.Remediation(controls[i])
		if !ok {
			return importasr.Fix{Control: controls[i]}, true
		}
		return importasr.Fix{Control: controls[i], Remediation: u.Spec.ID, Irreversible: u.Spec.Irreversible != ""}, true
	})
	if err != nil {
		return r, err
	}
	p, err := policy.Parse("the imported policy", bytes.NewReader(r.Policy))
	if err != nil {
		return r, err
	}
	for _, problem := range policy.Lint(p, context) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("line %d, rule %s: %s; %s.", problem.Line, problem.Rule, problem.Message, problem.Do))
	}
	return r, nil
}

// imported writes the policy and says what it can't say.
func (a *app) imported(r importasr.Result, out string) error {
	if out != "" {
		if err := a.create(out, r.Policy); err != nil {
			return err
		}
	}
	data := struct {
		Policy    string   `json:"policy"`
		File      string   `json:"file,omitempty"`
		Automatic []string `json:"automatic"`
		Warnings  []string `json:"warnings"`
	}{string(r.Policy), out, append([]string{}, r.Automatic...), append([]string{}, r.Warnings...)}
	err := a.print(data, func() {
		if out == "" {
			a.text(string(r.Policy))
		}
	})
	for _, w := range r.Warnings {
		a.note("! %s", w)
	}
	a.note("%d of the %d controls that this asr fixes are automatic in it.", len(r.Automatic), len(fixable()))
	return err
}

// fixable are the controls that this asr has a remediation for.
func fixable() map[string]bool {
	all := map[string]bool{}
	for _, u := range catalog.All(nil) {
		for control := range u.Controls {
			all[control] = true
		}
	}
	return all
}

// create writes a new file; one that is there only with --yes.
func (a *app) create(file string, text []byte) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if a.yes {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, flags, 0o644)
	if errors.Is(err, os.ErrExist) {
		return &asr.Error{Code: asr.CodeBadInput, Message: file + " is there already", Do: "name another file, or overwrite it with --yes"}
	}
	if err != nil {
		return &asr.Error{Code: asr.CodeBadInput, Message: file + " can't be written", Do: "name a file in a folder that you may write to", Err: err}
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
