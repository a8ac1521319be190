package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/enginetest"
	"example.com/asr/vault"
)

// disk is a store with an engine, on a disk in trouble.
type disk struct {
	t     *testing.T
	store *Store
	vault *vault.Vault
	e     *asr.Engine
	s     *enginetest.Switches
	now   time.Time
}

func newDisk(t *testing.T) *disk {
	d := &disk{t: t, store: open(t), vault: key(t, 1), s: &enginetest.Switches{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	d.e = d.engine(d.store)
	return d
}

func (d *disk) engine(store asr.Store) *asr.Engine {
	return asr.New(asr.Config{Store: store, Remediations: []asr.Remediation{d.s.Remediation()}, Matcher: enginetest.Book{}, Vault: d.vault, Policy: enginetest.Always(asr.ModeAuto), Clock: func() time.Time { return d.now }})
}

func (d *disk) pragma(format string, args ...any) {
	d.t.Helper()
	if _, err := d.store.write.Exec("PRAGMA " + fmt.Sprintf(format, args...)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) request(name string) (asr.Run, error) {
	return d.e.Request(context.Background(), asr.Ask{Actor: asr.Actor{Kind: "person", Name: "ada", Verified: true}, Control: enginetest.Control, Resource: asr.Resource{ID: "arn:aws:test:eu-west-1:111111111111:" + name}})
}

// drive drives a run until it ends or the store fails.
func (d *disk) drive(id string) error {
	for range 100 {
		next, err := d.e.Step(context.Background(), id)
		if err != nil || next.Done {
			return err
		}
		d.now = d.now.Add(next.After)
	}
	d.t.Fatal("not done after 100 steps")
	return nil
}

// told checks that an error says what happened and what to do.
func (d *disk) told(err error, what, do string) {
	d.t.Helper()
	if asr.Classify(err) != asr.CodeUnavailable || !strings.Contains(err.Error(), what) || !strings.Contains(asr.Advice(err), do) {
		d.t.Fatalf("error = %v (%s), want %q and advice", err, asr.Advice(err), what)
	}
}

func (d *disk) run(id string) asr.Run {
	d.t.Helper()
	r, err := d.store.Run(context.Background(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// intact checks that the runs end well, each after one write.
func (d *disk) intact(runs ...string) {
	d.t.Helper()
	for _, id := range runs {
		if err := d.drive(id); err != nil {
			d.t.Fatal(err)
		}
		if r := d.run(id); r.State != asr.StateVerified {
			d.t.Errorf("the run is %s: %+v", r.State, r.Error)
		}
	}
	if d.s.Writes() != len(runs) {
		d.t.Errorf("%d writes of %d runs", d.s.Writes(), len(runs))
	}
	if rep, err := audit.Verify(context.Background(), d.store, d.vault.Verify); err != nil || len(rep.Problems) > 0 || rep.Records == 0 {
		d.t.Errorf("audit log: %+v %v", rep, err)
	}
}

// tight is a store whose disk is full at one commit: what belongs to the batch
// needs a page more than there is.
type tight struct {
	*Store
	d    *disk
	left int // commits until then
}

func (s *tight) Commit(ctx context.Context, b *asr.Batch) error {
	if s.left--; s.left != 0 {
		return s.Store.Commit(ctx, b)
	}
	s.d.pragma("max_page_count = 1") // that is, as many as there are
	large := *b
	large.Messages = append(slices.Clone(b.Messages), asr.Message{ID: "large", Report: asr.Report{Note: strings.Repeat("x", 100_000)}})
	return s.Store.Commit(ctx, &large)
}

func TestWhereverARunFindsTheDiskFullItGoesOnWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	found := map[asr.State]int{}
	for at := 1; ; at++ {
		d := newDisk(t)
		r, err := d.request("s")
		if err != nil {
			t.Fatal(err)
		}
		d.e = d.engine(&tight{Store: d.store, d: d, left: at})
		full := d.drive(r.ID)
		if full == nil { // it had ended before
			break
		}
		d.told(full, "the disk that asr keeps its data on is full", "make room")
		kept := d.run(r.ID)
		found[kept.State]++
		if d.s.On("s") && kept.Intent == nil {
			t.Errorf("nothing tells of the write of a run that is %s", kept.State)
		}
		if left, err := d.store.Messages(t.Context(), "", d.now.AddDate(1, 0, 0), 0); err != nil || len(left) > 0 {
			t.Errorf("a part of a batch was stored: %v %v", left, err)
		}
		d.pragma("max_page_count = 1000000")
		d.intact(r.ID)
	}
	t.Logf("the disk was full in these states: %v", found)
	if found[asr.StateClaimed]*found[asr.StateScheduled]*found[asr.StateApplying]*found[asr.StateSettling] == 0 {
		t.Errorf("the disk was full in these states only: %v", found)
	}
}

func TestWhileTheFileCantBeWrittenNothingIsDoneAndPeopleAreTold(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	r, err := d.request("before")
	if err != nil {
		t.Fatal(err)
	}
	const told, do = "asr's file can't be written", "write access"
	d.pragma("query_only = ON")
	d.told(d.drive(r.ID), told, do)
	_, err = d.request("during")
	d.told(err, told, do)
	d.told(d.store.AddCall(t.Context(), asr.APICall{Run: r.ID}), told, do)
	d.told(d.e.Kill(t.Context(), asr.Actor{Kind: "person", Name: "ada"}, "a freeze"), told, do)
	_, err = d.store.Lease(t.Context(), "w", "", d.now, time.Minute)
	d.told(err, told, do)
	if kept := d.run(r.ID); kept.State != asr.StateClaimed || d.s.Writes() > 0 {
		t.Errorf("the run is %s after %d writes", kept.State, d.s.Writes())
	}
	d.pragma("query_only = OFF")
	d.intact(r.ID)
}
