package main

import (
	"errors"
	"time"

	"example.com/asr"
	"example.com/asr/policy"
	"github.com/spf13/cobra"
)

func policyCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Check and test the policy, explain its decisions, try another one"}
	cmd.AddCommand(policyLint(a), policyExplain(a), policyTest(a), policyReplay(a), policyDiff(a), policySchema(a))
	return cmd
}

func policySchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the JSON Schema of policy files, for editors", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			a.text(string(policy.Schema()))
			return nil
		},
	}
}

func policyLint(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "lint [POLICY]", Short: "Find what a policy doesn't do as it seems to say", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.policyFile = args[0]
			}
			dir, err := a.dataDir()
			if err != nil {
				return err
			}
			p, err := a.openPolicy(dir)
			if err != nil {
				return err
			}
			if p == nil {
				a.note("There is no policy, so nothing is automatic. docs/operate/policy.md tells how to write one.")
				return nil
			}
			context, err := a.lintContext()
			if err != nil {
				return err
			}
			problems := policy.Lint(p, context)
			if problems == nil {
				problems = []policy.Problem{}
			}
			if err := a.print(problems, func() { a.printProblems(problems) }); err != nil {
				return err
			}
			for _, problem := range problems {
				if problem.Severity == "error" {
					return exitError{exitFailed}
				}
			}
			return nil
		},
	}
}

// lintContext is what the playbooks and the catalogue know.
func (a *app) lintContext() (policy.LintContext, error) {
	book, all, err := a.known()
	units := map[string]asr.Remediation{}
	for _, u := range all {
		units[u.Spec.ID] = u
	}
	if err != nil {
		return policy.LintContext{}, err
	}
	return policy.LintContext{
		Now: time.Now(),
		Controls: func() (ids []string) {
			for _, e := range book.Entries() {
				ids = append(ids, e.Control)
			}
			return ids
		},
		Remediation: func(control string) (asr.Remediation, bool) {
			m, err := book.Control(control)
			u, ok := units[m.Remediation]
			return u, ok && err == nil
		},
	}, nil
}

func (a *app) printProblems(problems []policy.Problem) {
	for _, p := range problems {
		a.line("%s: %s: rule %s: %s\n  → %s", p.Where(), p.Severity, p.Rule, p.Message, p.Do)
	}
	if len(problems) == 0 {
		a.line("No problems found.")
	}
}

func policyExplain(a *app) *cobra.Command {
	var w what
	cmd := &cobra.Command{
		Use: "explain [FINDING]", Short: "Explain what the policy decides, rule by rule", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, me, err := a.ready(ctx)
			if err != nil {
				return err
			}
			asks, err := w.asks(p, me, args)
			if err != nil {
				return err
			}
			if len(asks) != 1 {
				return usageError{errors.New("name one finding, or a --control and its --resource")}
			}
			facts, decision, err := p.engine.Explain(ctx, asks[0])
			if err != nil {
				return err
			}
			explanation := p.policy.Explain(facts)
			data := struct {
				Facts    asr.Facts          `json:"facts"`
				Policy   policy.Explanation `json:"policy"`
				Decision asr.Decision       `json:"decision"`
			}{facts, explanation, decision}
			return a.print(data, func() {
				a.text(explanation.String())
				a.line("So: %s (%s): %s", decision.Mode, decision.Reason, decision.Why)
			})
		},
	}
	w.flags(cmd)
	return cmd
}
