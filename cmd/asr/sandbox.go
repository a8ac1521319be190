package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"example.com/asr"
	"example.com/asr/sandbox"
	"example.com/asr/sandbox/org"
	"github.com/spf13/cobra"
)

func sandboxCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "sandbox", Short: "An emulated AWS organization on this machine, to play with",
		Long: "An emulated AWS organization on this machine: moto behind a gateway of asr's own,\nfull of misconfigured resources and the Security Hub findings for them.",
	}
	cmd.AddCommand(sandboxUp(a), sandboxDown(a), sandboxEnv(a), sandboxServe(a))
	return cmd
}

// standing is a sandbox that runs in a process of its own.
type standing struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
}

func (a *app) standingFile() (string, error) {
	dir, err := a.dataDir()
	return filepath.Join(dir, "sandbox.json"), err
}

// standing returns the sandbox that is up. CodeNotFound if none is.
func (a *app) standing() (s standing, err error) {
	none := &asr.Error{Code: asr.CodeNotFound, Message: "no sandbox is up", Do: "asr sandbox up"}
	file, err := a.standingFile()
	if err != nil {
		return s, err
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		return s, none
	}
	if err := json.Unmarshal(doc, &s); err != nil || !alive(s.URL) {
		return s, none
	}
	return s, nil
}

func alive(url string) bool {
	client := http.Client{Timeout: 2 * time.Second}
	resp, err := client.Get(url + "/_sandbox/info")
	if err != nil {
		return false
	}
	_ = resp.Body.Close() // only that it answers counts
	return true
}

func sandboxUp(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "up", Short: "Start it, in the background", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s, err := a.standing(); err == nil {
				a.note("A sandbox is up already, at %s.", s.URL)
				return a.printEnv(s.URL)
			}
			s, err := a.launch(cmd.Context())
			if err != nil {
				return err
			}
			a.note("The sandbox is up. Put this into your shell: eval \"$(asr sandbox env)\"")
			return a.printEnv(s.URL)
		},
	}
}

// launch starts this program once more, to serve in the background, and waits
// until it has written where it is.
func (a *app) launch(ctx context.Context) (s standing, err error) {
	file, err := a.standingFile()
	if err != nil {
		return s, err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	log := filepath.Join(filepath.Dir(file), "sandbox.log")
	out, err := os.Create(log)
	if err != nil {
		return s, err
	}
	defer out.Close()
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	cmd := exec.Command(self, "sandbox", "serve", "--data", filepath.Dir(file))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return s, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if s, err := a.standing(); err == nil {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case err := <-ended:
			return s, &asr.Error{Code: asr.CodeInternal, Message: "the sandbox ended while it started", Do: "read " + log, Err: err}
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func sandboxServe(a *app) *cobra.Command {
	var addr string
	cmd := &cobra.Command{
		Use: "serve", Short: "Run it in the foreground", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			s, o, _, err := a.build(ctx, addr)
			if err != nil {
				return err
			}
			file, err := a.standingFile()
			if err != nil {
				return errors.Join(err, s.Close())
			}
			doc, err := json.Marshal(standing{URL: s.URL(), PID: os.Getpid()})
			if err == nil {
				err = os.WriteFile(file, doc, 0o600)
			}
			if err != nil {
				return errors.Join(err, s.Close())
			}
			a.note("%d misconfigured resources in %d accounts at %s. Interrupt to end.", len(o.Resources), len(o.Accounts), s.URL())
			<-ctx.Done()
			return errors.Join(os.Remove(file), s.Close())
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "", "address to listen on (default: a free port of 127.0.0.1)")
	return cmd
}

// build starts a sandbox with an organization in it, and its findings. From
// then on it enforces IAM: a session can do what its policy says and no more.
func (a *app) build(ctx context.Context, addr string) (s *sandbox.Sandbox, o *org.Org, t org.Tally, err error) {
	if s, err = sandbox.Start(ctx, sandbox.Config{Addr: addr, Log: a.errs}); err != nil {
		return nil, nil, t, err
	}
	if o, err = org.Build(ctx, s); err == nil {
		t, err = o.Evaluate(ctx)
	}
	if err == nil {
		err = s.Enforce(ctx, true)
	}
	if err != nil {
		err = errors.Join(err, s.Close())
	}
	return s, o, t, err
}

func sandboxDown(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "Stop it; nothing of it is kept", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.standing()
			if err != nil {
				return err
			}
			p, err := os.FindProcess(s.PID)
			if err == nil {
				err = p.Signal(syscall.SIGTERM)
			}
			if err != nil {
				return fmt.Errorf("stop the sandbox, process %d: %w", s.PID, err)
			}
			for range 50 {
				if !alive(s.URL) {
					a.note("The sandbox is down.")
					return nil
				}
				time.Sleep(100 * time.Millisecond)
			}
			return &asr.Error{Code: asr.CodeInternal, Message: fmt.Sprintf("process %d doesn't end", s.PID), Do: "end it by hand"}
		},
	}
}

func sandboxEnv(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "env", Short: "Print the environment that points asr and the AWS CLI at it", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.standing()
			if err != nil {
				return err
			}
			return a.printEnv(s.URL)
		},
	}
}

func (a *app) printEnv(url string) error {
	region := a.region
	if region == "" {
		region = "us-east-1"
	}
	env := sandbox.Connect(url).Env(region)
	return a.print(env, func() {
		for _, e := range env {
			name, value, _ := strings.Cut(e, "=")
			a.line("export %s='%s'", name, value)
		}
	})
}
