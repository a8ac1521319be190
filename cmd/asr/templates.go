package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/deployed"
	"github.com/spf13/cobra"
)

// launched is what templates wrote, and how it is launched.
type launched struct {
	Files    []string `json:"files"`
	Commands []string `json:"commands,omitempty"`
}

func templatesCommand(a *app) *cobra.Command {
	var out, bucket, key string
	var only []string
	cmd := &cobra.Command{
		Use: "templates", Short: "Write the CloudFormation templates of the deployment", Args: cobra.NoArgs,
		Long: `Writes asr-hub.yaml, asr-member.yaml and asr-runbooks.yaml. With --bucket the hub's
template finds the functions' code there, and the commands that launch all are
printed. With --playbook the member role may do only what that playbook's
remediations need. A file that is there is overwritten with --yes only.`,
		Example: "  asr templates --out templates --bucket my-artifacts --playbook cis-1.4",
		RunE: func(*cobra.Command, []string) error {
			switch {
			case out == "":
				return usageError{errors.New("name the folder to write to with --out")}
			case key != "" && bucket == "":
				return usageError{fmt.Errorf("--key %s is in no bucket: name it with --bucket", key)}
			}
			files, err := a.templates(bucket, key, only)
			if err != nil {
				return err
			}
			l, err := a.writeTemplates(out, files)
			if err != nil {
				return err
			}
			if bucket != "" {
				l.Commands = launching(out, bucket, artifactKey(key))
			}
			return a.print(l, func() { a.printLaunched(l) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&out, "out", "", "folder to write to")
	f.StringVar(&bucket, "bucket", "", "bucket that holds the functions' code, in the hub's Region")
	f.StringVar(&key, "key", "", "the code's key in it (default asr/VERSION.zip)")
	f.StringSliceVar(&only, "playbook", nil, "narrow the member role to playbooks, such as cis-1.4; may be given again")
	return cmd
}

func artifactKey(key string) string {
	if key == "" {
		return "asr/" + version + ".zip"
	}
	return key
}

// templates are the files by name, as the flags ask for them.
func (a *app) templates(bucket, key string, only []string) (map[string][]byte, error) {
	files, err := deployed.Templates()
	if err != nil {
		return nil, err
	}
	if bucket != "" {
		for name, value := range map[string]string{"ArtifactBucket": bucket, "ArtifactKey": artifactKey(key), "AsrVersion": version} {
			if files["asr-hub.yaml"], err = deployed.WithDefault(files["asr-hub.yaml"], name, value); err != nil {
				return nil, err
			}
		}
	}
	if len(only) > 0 {
		units, err := a.answering(only)
		if err != nil {
			return nil, err
		}
		if files["asr-member.yaml"], err = deployed.Member(units); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// answering are the remediations of some playbooks, named by the beginning or
// in short: "cis-1.4" is "CIS v1.4.0".
func (a *app) answering(only []string) ([]asr.Remediation, error) {
	book, err := a.openBook()
	if err != nil {
		return nil, err
	}
	wanted, names := map[string]bool{}, []string{}
	found := make([]bool, len(only))
	for _, e := range book.Entries() {
		names = append(names, shortName(e.Playbook))
		for i, name := range only {
			if strings.HasPrefix(shortName(e.Playbook), shortName(name)) {
				found[i], wanted[e.Remediation] = true, true
			}
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		return nil, usageError{fmt.Errorf("--playbook %s: there are %s", only[i], strings.Join(slices.Compact(names), ", "))}
	}
	units := slices.DeleteFunc(catalog.All(nil), func(u asr.Remediation) bool { return !wanted[u.Spec.ID] })
	return units, nil
}

// shortName writes a playbook's name in one word: "cis-1.4.0".
func shortName(playbook string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(playbook)), " v", "-"), " ", "-")
}

// writeTemplates writes all files, or none if one is there.
func (a *app) writeTemplates(dir string, files map[string][]byte) (l launched, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return l, &asr.Error{Code: asr.CodeBadInput, Message: "the folder " + dir + " can't be made", Do: "name another one with --out", Err: err}
	}
	for _, name := range deployed.Names {
		file := filepath.Join(dir, name)
		if was, err := os.ReadFile(file); err == nil && !a.yes && !bytes.Equal(was, files[name]) {
			return l, &asr.Error{Code: asr.CodeBadInput, Message: file + " is there already, and is another", Do: "name another folder, or overwrite it with --yes"}
		}
		l.Files = append(l.Files, file)
	}
	for i, name := range deployed.Names {
		if err := os.WriteFile(l.Files[i], files[name], 0o644); err != nil {
			return l, &asr.Error{Code: asr.CodeBadInput, Message: l.Files[i] + " can't be written", Do: "name a folder that you may write to with --out", Err: err}
		}
	}
	return l, nil
}

// launching are the commands of the AWS CLI that launch the templates.
func launching(dir, bucket, key string) []string {
	file := func(i int) string { return filepath.Join(dir, deployed.Names[i]) }
	return []string{
		fmt.Sprintf("aws s3 cp asr-lambda.zip s3://%s/%s", bucket, key),
		fmt.Sprintf("aws cloudformation deploy --stack-name asr-hub --template-file %s --s3-bucket %s --capabilities CAPABILITY_NAMED_IAM --parameter-overrides OrganizationId=o-EXAMPLE ExternalId=WORD", file(0), bucket),
		fmt.Sprintf("aws cloudformation create-stack-set --stack-set-name asr-member --template-body file://%s --permission-model SERVICE_MANAGED --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false --capabilities CAPABILITY_NAMED_IAM --parameters ParameterKey=HubAccount,ParameterValue=ACCOUNT ParameterKey=OrganizationId,ParameterValue=o-EXAMPLE ParameterKey=ExternalId,ParameterValue=WORD", file(1)),
		"aws cloudformation create-stack-instances --stack-set-name asr-member --deployment-targets OrganizationalUnitIds=r-EXAMPLE --regions REGION",
		"asr doctor --deployed",
	}
}

func (a *app) printLaunched(l launched) {
	for _, file := range l.Files {
		a.line("%s", file)
	}
	if len(l.Commands) > 0 {
		a.line("\nTo launch them, with your own values where they are in capitals (docs/deploy/guide.md):")
	}
	for _, command := range l.Commands {
		a.line("  %s", command)
	}
}
