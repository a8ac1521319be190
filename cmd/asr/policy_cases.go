package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
	"example.com/asr/playbook"
	"example.com/asr/policy"
	"github.com/spf13/cobra"
)

// tried is what came of a table's cases.
type tried struct {
	Cases  int         `json:"cases"`
	Failed []failed    `json:"failed"`
	Unused []untouched `json:"unused"` // rules and exceptions that decide no case
}

// failed is a case that is decided otherwise than it says.
type failed struct {
	policy.Place
	Name  string   `json:"name,omitempty"`
	Wrong []string `json:"wrong"`
	Why   string   `json:"why"`
}

type untouched struct {
	policy.Place
	Rule string `json:"rule"`
}

func policyTest(a *app) *cobra.Command {
	var tables []string
	var all bool
	cmd := &cobra.Command{
		Use: "test [POLICY]", Short: "Hold the policy against a table of findings and what is to be decided", Args: cobra.MaximumNArgs(1),
		Long: `Decides about the cases of a table, as the engine does about findings that come in,
and tells of those that are decided otherwise than the table says. The table is
NAME.test.yaml beside NAME.yaml, or all *.test.yaml of a policy's folder. No AWS
account is asked, and no stored finding counts. docs/operate/policy.md has the form.`,
		Example: "  asr policy test policy.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				a.policyFile = args[0]
			}
			t, err := a.tryCases(cmd.Context(), tables)
			if err != nil {
				return err
			}
			if err := a.print(t, func() { a.printTried(t) }); err != nil {
				return err
			}
			if len(t.Failed) > 0 || all && len(t.Unused) > 0 {
				return exitError{exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&tables, "table", nil, "table of cases; may be given again (default: those beside the policy)")
	cmd.Flags().BoolVar(&all, "all-rules", false, "exit with code 1 if a rule decides no case, too")
	return cmd
}

func (a *app) tryCases(ctx context.Context, tables []string) (t tried, err error) {
	p, cases, err := a.cases(tables)
	if err != nil {
		return t, err
	}
	book, units, err := a.known()
	if err != nil {
		return t, err
	}
	t = tried{Cases: len(cases), Failed: []failed{}, Unused: []untouched{}}
	now := time.Now()
	var rules []string
	scene := &scene{}
	engine := asr.New(asr.Config{Store: memory.New(), Remediations: units, Matcher: book, Policy: p, Accounts: scene, Clock: scene.clock})
	for _, c := range cases {
		if c.At.IsZero() {
			c.At = now
		}
		scene.now, scene.account = c.At, c.Account
		j, err := judgeCase(ctx, engine, book, c)
		if err != nil {
			return t, err
		}
		rules = append(rules, j.Decision.Rule)
		if wrong := c.Expect.Misses(j); len(wrong) > 0 {
			t.Failed = append(t.Failed, failed{c.Place, c.Name, wrong, j.Decision.Why})
		}
	}
	for _, r := range p.Unused(rules) {
		t.Unused = append(t.Unused, untouched{r.Place, r.Name})
	}
	return t, nil
}

// judgeCase takes a control by any of its names, as asr plan does.
func judgeCase(ctx context.Context, e *asr.Engine, book *playbook.Book, c policy.Case) (asr.Judgement, error) {
	f := c.Reported(c.At)
	m, err := book.Control(f.Control)
	if err != nil {
		return asr.Judgement{}, &asr.Error{Code: asr.CodeBadInput, Message: c.Where(), Do: asr.Advice(err), Err: err}
	}
	f.Control = m.Control
	return e.Judge(ctx, f, c.Console)
}

// scene is the time and the account of the case that is decided.
type scene struct {
	now     time.Time
	account asr.Account
}

func (d *scene) clock() time.Time { return d.now }

// Account implements asr.Accounts.
func (d *scene) Account(context.Context, string) (asr.Account, error) { return d.account, nil }

// cases are the policy and the cases to try it with.
func (a *app) cases(tables []string) (*policy.Policy, []policy.Case, error) {
	dir, err := a.dataDir()
	if err != nil {
		return nil, nil, err
	}
	path, err := a.policyPath(dir)
	if err != nil {
		return nil, nil, err
	}
	if path == "" {
		return nil, nil, &asr.Error{Code: asr.CodeBadInput, Message: "there is no policy to test", Do: "name a file or a folder"}
	}
	p, err := policy.Load(path)
	if err == nil && len(tables) == 0 {
		tables, err = policy.Tables(path)
	}
	if err != nil {
		return nil, nil, err
	}
	var all []policy.Case
	for _, t := range tables {
		cases, err := policy.LoadCases(t)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, cases...)
	}
	if len(all) == 0 {
		return nil, nil, &asr.Error{Code: asr.CodeBadInput, Message: path + " has no table of cases", Do: "write one beside it, *.test.yaml, or name it with --table"}
	}
	return p, all, nil
}

func (a *app) printTried(t tried) {
	for _, f := range t.Failed {
		a.line("%s: %s", f.Where(), orDash(f.Name))
		for _, w := range f.Wrong {
			a.line("  %s", w)
		}
		a.line("  since %s", f.Why)
	}
	for _, u := range t.Unused {
		a.line("%s: no case is decided by %s", u.Where(), u.Rule)
	}
	verdict := "all as expected"
	if n := len(t.Failed); n > 0 {
		verdict = fmt.Sprintf("%d otherwise than expected", n)
	}
	a.line("%s", strings.Join([]string{counted(t.Cases, "case"), verdict, counted(len(t.Unused), "rule") + " without a case"}, ", "))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
