package sandbox

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/asr"
)

//go:embed launcher.py
var launcher string

//go:embed patches/*.py
var patches embed.FS

//go:embed requirements.txt
var requirements string

const (
	startLimit   = 3 * time.Minute // importing moto takes seconds, and far longer where all processors are busy
	stopLimit    = 3 * time.Second
	wrongVersion = 3 // the launcher's exit code
)

// moto is a running moto process.
type moto struct {
	addr  string // "127.0.0.1:PORT"
	cmd   *exec.Cmd
	stdin io.Closer // its end is the process's end
	done  chan struct{}
}

// MotoVersion is the only version of moto that Start accepts.
func MotoVersion() string {
	return regexp.MustCompile(`(?m)^moto\[server\]==(\S+)`).FindStringSubmatch(requirements)[1]
}

// startMoto starts moto with the first interpreter that has the right version.
func startMoto(ctx context.Context, cfg Config, gatewayPort int) (*moto, error) {
	var tried []string
	for _, python := range interpreters(cfg.Python) {
		m, err := launch(ctx, python, cfg.Log, gatewayPort)
		var exit *exec.ExitError
		switch {
		case err == nil:
			return m, nil
		case errors.Is(err, exec.ErrNotFound), errors.Is(err, os.ErrNotExist):
			tried = append(tried, python+": not found")
		case errors.As(err, &exit) && exit.ExitCode() == wrongVersion:
			tried = append(tried, python+": "+strings.TrimSpace(string(exit.Stderr)))
		default:
			return nil, &asr.Error{Code: asr.CodeUnavailable, Message: "sandbox: moto does not start with " + python, Err: err, Do: "see moto's last words above; run `make venv` to install it anew"}
		}
	}
	return nil, &asr.Error{
		Code:    asr.CodeBadInput,
		Message: fmt.Sprintf("sandbox: no Python with moto %s: %s", MotoVersion(), strings.Join(tried, "; ")),
		Do:      "run `make venv` in the project's folder, or set ASR_PYTHON to an interpreter that has it",
	}
}

// interpreters lists where to look for moto.
func interpreters(python string) []string {
	if python != "" {
		return []string{python}
	}
	if python = os.Getenv("ASR_PYTHON"); python != "" {
		return []string{python}
	}
	var all []string
	for _, dir := range []func() (string, error){project, besideExecutable} {
		if d, err := dir(); err == nil {
			all = append(all, filepath.Join(d, ".venv", "bin", "python"))
		}
	}
	return append(all, "python3")
}

// project is the nearest folder at or above the current one that has a go.mod.
func project() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", os.ErrNotExist
		}
		dir = up
	}
}

func besideExecutable() (string, error) {
	exe, err := os.Executable()
	return filepath.Dir(exe), err
}

// launch starts the launcher and waits until it tells its port.
func launch(ctx context.Context, python string, log io.Writer, gatewayPort int) (*moto, error) {
	modules, err := patchModules()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(python, "-c", launcher, MotoVersion())
	cmd.Dir = os.TempDir() // python -c imports from the current folder first
	cmd.Env = append(motoEnv(os.Environ()), "MOTO_PORT="+strconv.Itoa(gatewayPort))
	words := &tail{}
	cmd.Stderr = io.MultiWriter(words, log)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	sent := make(chan struct{})
	go func() { // more than a pipe holds, and there may be nobody who reads
		defer close(sent)
		_, _ = stdin.Write(append(modules, '\n')) // a process that ended before it read tells why itself
	}()
	port, err := awaitPort(ctx, stdout)
	if err != nil {
		err = epitaph(cmd, words, err)
		<-sent
		return nil, err
	}
	<-sent
	m := &moto{addr: net.JoinHostPort("127.0.0.1", port), cmd: cmd, stdin: stdin, done: make(chan struct{})}
	go func() {
		defer close(m.done)
		_, _ = io.Copy(log, stdout) // what moto prints; ends with the process
		_ = cmd.Wait()              // killed or told to end: its status says nothing
	}()
	return m, nil
}

// patchModules is the Python package patches: module names and their texts, JSON.
func patchModules() ([]byte, error) {
	files, err := patches.ReadDir("patches")
	if err != nil {
		return nil, err
	}
	modules := map[string]string{}
	for _, f := range files {
		text, err := patches.ReadFile("patches/" + f.Name())
		if err != nil {
			return nil, err
		}
		name := strings.TrimSuffix("patches."+strings.TrimSuffix(f.Name(), ".py"), ".__init__")
		modules[name] = string(text)
	}
	return json.Marshal(modules)
}

// motoEnv is the environment for moto: ours without what would change it.
func motoEnv(environ []string) []string {
	kept := []string{
		"MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS=false", // as in AWS, another account's bucket is closed
		"MOTO_IAM_LOAD_MANAGED_POLICIES=true",     // arn:aws:iam::aws:policy/… exist
	}
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "MOTO_") && !strings.HasPrefix(kv, "AWS_") && !strings.HasPrefix(kv, "INITIAL_NO_AUTH") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// awaitPort reads the line "port N".
func awaitPort(ctx context.Context, stdout io.Reader) (string, error) {
	type answer struct {
		line string
		err  error
	}
	told := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReaderSize(stdout, 16).ReadString('\n')
		told <- answer{line, err}
	}()
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case a := <-told:
		port, ok := strings.CutPrefix(strings.TrimSpace(a.line), "port ")
		if !ok {
			return "", fmt.Errorf("moto ended before it listened: %w", cmpErr(a.err, io.ErrUnexpectedEOF))
		}
		return port, nil
	case <-ctx.Done():
		return "", ctx.Err()
	case <-limit.C:
		return "", fmt.Errorf("no answer within %s", startLimit)
	}
}

func cmpErr(err, otherwise error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return otherwise
	}
	return err
}

// epitaph ends a moto that did not start and says why it did not.
func epitaph(cmd *exec.Cmd, words *tail, why error) error {
	kill := time.AfterFunc(stopLimit, func() { _ = cmd.Process.Kill() })
	if errors.Is(why, context.Canceled) || errors.Is(why, context.DeadlineExceeded) {
		_ = cmd.Process.Kill() // may have ended by itself
	}
	err := cmd.Wait()
	kill.Stop()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		exit.Stderr = []byte(words.String())
	}
	return fmt.Errorf("%w (%w); its last words: %s", why, cmpErr(err, errors.New("exit status 0")), words)
}

// close ends moto by closing its stdin, and by force when it does not listen.
func (m *moto) close() error {
	_ = m.stdin.Close() // closed already when the process is gone
	select {
	case <-m.done:
		return nil
	case <-time.After(stopLimit):
	}
	err := m.cmd.Process.Kill()
	<-m.done
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 4096

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = bytes.Clone(t.buf[over:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
