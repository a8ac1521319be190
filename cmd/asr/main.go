// Command asr fixes AWS security findings: it shows the exact change, makes it
// with a session that can do nothing else, proves that it holds, and can put it
// back. This package parses flags, wires the parts together and prints; it
// decides nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"example.com/asr"
	_ "example.com/asr/startup"
	"github.com/spf13/cobra"
)

// Exit codes; docs/operate/cli.md lists them.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitAsks    = 3 // something waits for an approval
	exitRefused = 4 // the policy says no
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: in, out: out, errs: errs}
	defer a.close()
	cmd := root(a)
	cmd.SetArgs(args)
	cmd.SetIn(in)
	cmd.SetOut(out)
	cmd.SetErr(errs)
	err := cmd.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errQuiet) {
		a.complain(err)
	}
	return exitCode(err)
}

// usageError is a command line that can't be meant.
type usageError struct{ error }

// exitError is an outcome that isn't failure, told by the exit code.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit %d", e.code) }
func (e exitError) Is(target error) bool {
	return target == errQuiet
}

// errQuiet matches errors that have been explained already.
var errQuiet = errors.New("quiet")

func exitCode(err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	}
	switch asr.Classify(err) {
	case asr.CodeNotAllowed:
		return exitRefused
	case asr.CodeBadInput, asr.CodeBadParams, asr.CodeBadTarget:
		return exitUsage
	}
	return exitFailed
}

// complain tells what happened and what to do, of each mistake in a file.
func (a *app) complain(err error) {
	for _, one := range mistakes(err) {
		a.note("asr: %s", one)
		if do := asr.Advice(one); do != "" {
			a.note("  → %s", do)
		}
	}
}

// mistakes are the errors that a joined one tells of, line by line.
func mistakes(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && err.Error() == errors.Join(joined.Unwrap()...).Error() {
		return joined.Unwrap()
	}
	return []error{err}
}

func root(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "asr",
		Short: "Fix AWS security findings: plan, fix, verify, undo",
		Long: `asr fixes AWS security findings in whichever account and Region they lie. It shows
the exact change first, makes it with a session that can do nothing else, proves
by reading back that it holds, and can put it back.

Start with: asr demo`,
		SilenceUsage: true, SilenceErrors: true,
		Version:           version,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	f := cmd.PersistentFlags()
	f.StringVar(&a.data, "data", "", "folder of the database and key (default $ASR_DATA, or asr in the user's data folder)")
	f.StringVar(&a.policyFile, "policy", "", "policy file, or folder of such (default $ASR_POLICY, or policy.yaml or policy/ in the data folder, if it is there)")
	f.StringVar(&a.accounts, "accounts", "", "file of accounts with their OUs and tags (default $ASR_ACCOUNTS, or AWS Organizations if the policy asks for them)")
	f.StringArrayVar(&a.playbooks, "playbooks", nil, "folder of your own playbooks, over the built-in ones; may be given again (default $ASR_PLAYBOOKS)")
	f.StringVar(&a.region, "region", "", "Region of Security Hub and of the hub's own calls (default as the AWS CLI has it)")
	f.StringVar(&a.role, "role", "", "member role, by name or pattern (default $ASR_ROLE, or asr-member)")
	f.StringVar(&a.externalID, "external-id", "", "external id of the member role (default $ASR_EXTERNAL_ID)")
	f.BoolVar(&a.keepSource, "keep-source-identity", false, "keep the source identity that your own session has")
	f.BoolVar(&a.direct, "direct", false, "in your own account, work with your own credentials instead of the member role")
	f.BoolVar(&a.json, "json", false, "print data as JSON")
	f.BoolVarP(&a.yes, "yes", "y", false, "don't ask before something is changed")
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(demoCommand(a), sandboxCommand(a), hubGroup(a), findingsCommand(a), planCommand(a), remediateCommand(a), approveCommand(a), rejectCommand(a),
		revertCommand(a), runsCommand(a), controlsCommand(a), explainCommand(a), policyCommand(a), auditCommand(a), keysCommand(a), killCommand(a), limitsCommand(a), doctorCommand(a), templatesCommand(a), costCommand(a), importCommand(a), completionCommand(a), versionCommand(a))
	strictArgs(cmd)
	return cmd
}

// strictArgs makes wrong arguments, and unknown subcommands, errors of usage.
func strictArgs(c *cobra.Command) {
	check := c.Args
	if check == nil && !c.Runnable() {
		check = cobra.ArbitraryArgs
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("%s has no command %q: %s --help lists them", c.CommandPath(), args[0], c.CommandPath())}
			}
			return usageError{fmt.Errorf("%s needs a command: %s --help lists them", c.CommandPath(), c.CommandPath())}
		}
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		strictArgs(sub)
	}
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print(map[string]string{"version": version}, func() { a.line("asr %s", version) })
		},
	}
}

func completionCommand(a *app) *cobra.Command {
	shells := map[string]func(*cobra.Command) error{
		"bash":       func(c *cobra.Command) error { return c.GenBashCompletionV2(a.out, true) },
		"zsh":        func(c *cobra.Command) error { return c.GenZshCompletion(a.out) },
		"fish":       func(c *cobra.Command) error { return c.GenFishCompletion(a.out, true) },
		"powershell": func(c *cobra.Command) error { return c.GenPowerShellCompletionWithDesc(a.out) },
	}
	return &cobra.Command{
		Use: "completion bash|zsh|fish|powershell", Short: "Print the completion script for a shell", Args: cobra.ExactArgs(1),
		Example: `  source <(asr completion bash)`,
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := shells[args[0]]
			if !ok {
				return usageError{fmt.Errorf("there is no completion for %q: bash, zsh, fish, powershell", args[0])}
			}
			return write(cmd.Root())
		},
	}
}
