package sandbox

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/asr"
)

func start(t *testing.T) *Sandbox {
	t.Helper()
	s, err := Start(t.Context(), Config{Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// gone waits until nobody listens on an address.
func gone(t *testing.T, addr string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatalf("something still listens on %s", addr)
		}
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	moto, gateway := s.gateway.moto, strings.TrimPrefix(s.URL(), "http://")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	gone(t, moto)
	gone(t, gateway)
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

const child = "ASR_SANDBOX_TEST_CHILD"

func TestMotoEndsWithItsKilledParent(t *testing.T) {
	t.Parallel()
	if os.Getenv(child) != "" {
		s := start(t)
		os.Stdout.WriteString("moto " + s.gateway.moto + "\n")
		select {} // until killed
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMotoEndsWithItsKilledParent$")
	cmd.Env = append(os.Environ(), child+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "moto ")
	if err != nil || !ok {
		t.Fatalf("the child said %q (%v)", line, err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	gone(t, addr)
}

// fake writes an interpreter that behaves like a bad one.
func fake(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for _, row := range []struct {
		name  string
		cfg   Config
		want  string
		doing string
	}{
		{"no such interpreter", Config{Python: "/nowhere/python"}, "/nowhere/python: not found", "make venv"},
		{"another version of moto", Config{Python: fake(t, "echo has moto 4.0.0 >&2; exit 3")}, "has moto 4.0.0", "make venv"},
		{"moto dies", Config{Python: fake(t, "echo no space left >&2; exit 1")}, "no space left", "make venv"},
		{"moto talks nonsense", Config{Python: fake(t, "echo hello; exit 0")}, "before it listened", "make venv"},
		{"not a loopback address", Config{Addr: "0.0.0.0:0"}, "not a loopback address", "127.0.0.1"},
		{"a taken port", Config{Addr: taken.Addr().String()}, "address already in use", "another port"},
		{"no port", Config{Addr: "127.0.0.1"}, "missing port", "host:port"},
		{"a journal that can't be written", Config{State: "/nowhere/journal"}, "no such file", "may write"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, err := Start(t.Context(), row.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %q, want it to say %q", err, row.want)
			}
			if got := asr.Advice(err); !strings.Contains(got, row.doing) {
				t.Errorf("advice %q, want it to say %q", got, row.doing)
			}
		})
	}
}

func TestTheRealLauncherRefusesAnotherVersion(t *testing.T) {
	t.Parallel()
	asksForAnother := fake(t, `exec python3 "$1" "$2" 0.0.1 "$4"`)
	_, err := Start(t.Context(), Config{Python: asksForAnother})
	if err == nil || !strings.Contains(err.Error(), "no Python with moto "+MotoVersion()) || !strings.Contains(err.Error(), "has ") {
		t.Errorf("got %v", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := Start(ctx, Config{Python: fake(t, "exec sleep 60")}); err == nil {
		t.Fatal("it started")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}
