package protocol

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/enginetest"
	"example.com/asr/sqlite"
	"example.com/asr/vault"
)

// What a process that is to be killed is told.
const (
	folderVar = "PROTOCOL_TEST_FOLDER"
	lifeVar   = "PROTOCOL_TEST_LIFE" // which process this is, from 1: it ends at so many-th a fault point
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(folderVar); folder != "" {
		n, _ := strconv.Atoi(os.Getenv(lifeVar)) // set by the test
		do := func() error { return live(folder, n) }
		if name := os.Getenv(serverVar); name != "" {
			do = func() error { return serve(folder, name) }
		}
		if err := do(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is one life of asr on a file: its store, its cloud and its reports
// have a fault point before and after each side effect.
type process struct {
	asr.Store
	folder string
	now    time.Time
	left   int // fault points until it is killed; negative: never
}

// fault kills the process, if its time has come.
func (p *process) fault() {
	if p.left--; p.left == 0 {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {}
	}
}

func (p *process) Commit(ctx context.Context, b *asr.Batch) error {
	p.fault()
	err := p.Store.Commit(ctx, b)
	p.fault()
	return err
}

func (p *process) Delivered(ctx context.Context, id string) error {
	err := p.Store.Delivered(ctx, id)
	p.fault()
	return err
}

// Report notes a report in a file.
func (p *process) Report(_ context.Context, r asr.Report) error {
	err := p.note("reports", r.Finding+" "+r.Workflow)
	p.fault()
	return err
}

func (p *process) note(file, line string) error {
	f, err := os.OpenFile(filepath.Join(p.folder, file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// written is one write to the cloud, which is nothing but the list of them.
type written struct {
	Name, Run, Token, Field string
	Value                   int
}

func journal(folder string) (all []written, err error) {
	doc, err := os.ReadFile(filepath.Join(folder, "cloud"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for line := range bytes.Lines(doc) {
		var w written
		err = errors.Join(err, json.Unmarshal(line, &w))
		all = append(all, w)
	}
	return all, err
}

func setting(all []written, name string) map[string]int {
	now := map[string]int{"a": 5, "b": 5}
	for _, w := range all {
		if w.Name == name {
			now[w.Field] = w.Value
		}
	}
	return now
}

// unit sets a and b to 1, by one write each.
func (p *process) unit() asr.Remediation {
	u := (&session{}).unit()
	u.Read = func(_ context.Context, on asr.On) (json.RawMessage, error) {
		all, err := journal(p.folder)
		return json.RawMessage(text(setting(all, on.Name))), err
	}
	u.Write = func(_ context.Context, on asr.On, from, to json.RawMessage) error {
		changes, err := asr.Diff(from, to)
		if err != nil {
			return err
		}
		w := written{Name: on.Name, Run: on.Call.Run, Token: on.Call.Token, Field: changes[0].Path[0]}
		if err := json.Unmarshal(changes[0].To, &w.Value); err != nil {
			return err
		}
		p.fault()
		err = p.note("cloud", text(w))
		p.fault()
		return err
	}
	return u
}

const whole = 3 // runs of each life that nothing happens to

// shared opens the store that the processes share.
func shared(folder string) (*sqlite.Store, *vault.Vault, error) {
	v, err := vault.New(make([]byte, vault.KeySize))
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlite.Open(ctx, filepath.Join(folder, "asr.db"), v, nil)
	return s, v, err
}

// live takes up what the process before left, makes some runs whole, and then
// one that is killed, or that it puts back if it isn't.
func live(folder string, life int) error {
	store, v, err := shared(folder)
	if err != nil {
		return err
	}
	defer store.Close()
	p := &process{Store: store, folder: folder, now: noon.Add(time.Duration(life) * time.Hour), left: -1}
	e := asr.New(asr.Config{
		Store: p, Remediations: []asr.Remediation{p.unit()}, Matcher: enginetest.Book{}, Vault: v, Policy: enginetest.Always(asr.ModeAuto),
		Clock: func() time.Time { return p.now },
	})
	if life > 1 {
		if err := p.fixAndUndo(e, fmt.Sprintf("killed-%d", life-1)); err != nil {
			return err
		}
	}
	for i := range whole {
		if err := p.fix(e, fmt.Sprintf("whole-%d-%d", life, i)); err != nil {
			return err
		}
	}
	p.left = life
	if err := p.fixAndUndo(e, fmt.Sprintf("killed-%d", life)); err != nil {
		return err
	}
	return p.note("done", strconv.Itoa(life))
}

// fix has a finding of the resource come in, and drives what is due.
func (p *process) fix(e *asr.Engine, name string) error {
	if _, err := e.Ingest(ctx, []asr.Observation{observation(name, noon)}); err != nil {
		return err
	}
	return p.drive(e)
}

// observation is a report that a resource fails.
func observation(name string, at time.Time) asr.Observation {
	return asr.Observation{
		ID: "f-" + name, Source: asr.SourceImported, At: at, Workflow: asr.Workflow{Status: asr.WorkflowNew},
		Provider: asr.Provider{
			Account: "111111111111", Region: "eu-west-1", Control: "T.1", Severity: "HIGH", Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive,
			UpdatedAt: at, Resources: []asr.Resource{{ID: "arn:aws:test:eu-west-1:111111111111:" + name}},
		},
	}
}

// fixAndUndo does the same as often as it takes, then has it put back.
func (p *process) fixAndUndo(e *asr.Engine, name string) error {
	if err := p.fix(e, name); err != nil {
		return err
	}
	f, err := p.Finding(ctx, "f-"+name)
	if err != nil || f.Outcome == asr.OutcomeReverted {
		return err
	}
	if _, err := e.Revert(ctx, f.Run, ada, false); err != nil {
		return err
	}
	return p.drive(e)
}

// drive takes all runs to their ends, and delivers what they have to tell.
func (p *process) drive(e *asr.Engine) error {
	for {
		id, err := p.Lease(ctx, "worker", "", p.now, time.Minute)
		if errors.Is(err, asr.ErrNotFound) {
			due, err := p.NextDue(ctx)
			if errors.Is(err, asr.ErrNotFound) {
				_, err = e.Deliver(ctx, p, asr.Pending{})
				return err
			}
			if err != nil {
				return err
			}
			p.now = due
			continue
		}
		if err != nil {
			return err
		}
		if _, err := e.Step(ctx, id); err != nil {
			return err
		}
		if err := p.Release(ctx, id, "worker"); err != nil {
			return err
		}
	}
}

func TestAProcessKilledBetweenAnyTwoSideEffectsLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	folder, lives := t.TempDir(), 0
	for done := false; !done; {
		if lives++; lives > 200 {
			t.Fatal("no process came to its end")
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), folderVar+"="+folder, fmt.Sprintf("%s=%d", lifeVar, lives))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if done = err == nil; !done && (!errors.As(err, &exit) || exit.Exited()) {
			t.Fatalf("process %d: %v\n%s", lives, err, out)
		}
	}
	s, v, err := shared(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := journal(folder)
	if err != nil {
		t.Fatal(err)
	}
	runs := outcomes(t, s, folder, all, lives)
	t.Logf("%d processes killed, one at each fault point; %d runs; %d writes, %d of them repeated under the same token", lives-1, runs, len(all), repeated(t, all))
	if rep, err := audit.Verify(t.Context(), s, v.Verify); err != nil || len(rep.Problems) > 0 || rep.Records == 0 {
		t.Errorf("audit log: %+v %v", rep, err)
	}
	if left, err := s.Messages(t.Context(), "", noon.AddDate(1, 0, 0), 10); err != nil || len(left) > 0 {
		t.Errorf("left in the outbox: %v %v", left, err)
	}
}

// outcomes checks what became of each finding, and counts runs.
func outcomes(t *testing.T, s *sqlite.Store, folder string, all []written, lives int) (runs int) {
	t.Helper()
	reports, _ := os.ReadFile(filepath.Join(folder, "reports")) // none: each is missed
	expect := func(name string, outcome asr.Outcome, state asr.State, value int, told string) {
		f, err := s.Finding(t.Context(), "f-"+name)
		if err != nil || f.Outcome != outcome {
			t.Errorf("%s is %s (%v), want %s", name, f.Outcome, err, outcome)
		}
		of, _, err := s.Runs(t.Context(), asr.RunQuery{Finding: "f-" + name})
		if err != nil || len(of) != 1 || of[0].State != state {
			t.Errorf("%s: runs %+v %v, want one %s", name, of, err, state)
		}
		if now := setting(all, name); now["a"] != value || now["b"] != value {
			t.Errorf("%s is %v, want %d", name, now, value)
		}
		if !strings.Contains(string(reports), "f-"+name+" "+told+"\n") {
			t.Errorf("%s: nobody was told %s", name, told)
		}
		runs += len(of)
	}
	for life := 1; life <= lives; life++ {
		for i := range whole {
			expect(fmt.Sprintf("whole-%d-%d", life, i), asr.OutcomeFixed, asr.StateVerified, 1, asr.WorkflowResolved)
		}
		expect(fmt.Sprintf("killed-%d", life), asr.OutcomeReverted, asr.StateReverted, 5, asr.WorkflowNew)
	}
	return runs
}

// repeated counts writes that were made again; each must carry the token that
// it had, by which AWS knows it for the same.
func repeated(t *testing.T, all []written) (n int) {
	t.Helper()
	tokens := map[string]string{}
	for _, w := range all {
		key := fmt.Sprint(w.Run, w.Field, w.Value)
		switch token, again := tokens[key]; {
		case w.Token == "" || again && token != w.Token:
			t.Errorf("%+v was written before under the token %q", w, token)
		case again:
			n++
		}
		tokens[key] = w.Token
	}
	return n
}
