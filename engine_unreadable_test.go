package asr_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"example.com/asr"
)

// torn is a store of which a run and a finding can't be read any more.
type torn struct {
	asr.Store
	run, finding string
}

func (s torn) Run(ctx context.Context, id string) (asr.Run, error) {
	if id == s.run {
		return asr.Run{}, asr.Corrupt("run", id, errors.New("a byte is another"))
	}
	return s.Store.Run(ctx, id)
}

func (s torn) LastRun(ctx context.Context, claim string) (asr.Run, error) {
	r, err := s.Store.LastRun(ctx, claim)
	if err == nil {
		_, err = s.Run(ctx, r.ID)
	}
	return r, err
}

func (s torn) Finding(ctx context.Context, id string) (asr.Finding, error) {
	if id == s.finding {
		return asr.Finding{}, asr.Corrupt("finding", id, errors.New("a byte is another"))
	}
	return s.Store.Finding(ctx, id)
}

func (s torn) Runs(ctx context.Context, q asr.RunQuery) ([]asr.Run, string, error) {
	all, next, err := s.Store.Runs(ctx, q)
	var left asr.UnreadableError
	readable := slices.DeleteFunc(all, func(r asr.Run) bool {
		return r.ID == s.run && left.Skip(asr.Corrupt("run", r.ID, errors.New("a byte is another")))
	})
	return readable, next, errors.Join(err, left.OrNil())
}

func (s torn) Messages(ctx context.Context, run string, now time.Time, limit int) ([]asr.Message, error) {
	all, err := s.Store.Messages(ctx, run, now, limit)
	var left asr.UnreadableError
	readable := slices.DeleteFunc(all, func(m asr.Message) bool {
		return m.Report.Run == s.run && left.Skip(asr.Corrupt("message", m.ID, errors.New("a byte is another")))
	})
	return readable, errors.Join(err, left.OrNil())
}

// tear has an engine work on what is left of the world's store.
func (w *world) tear(c *cloud, p asr.Policy, run, finding string) {
	w.engine = asr.New(asr.Config{
		Store: torn{w.store, run, finding}, Remediations: []asr.Remediation{c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`, "T.2": `{"log":"on"}`})},
		Matcher: w, Policy: p, Vault: mirror{}, Clock: w.clock, NewID: w.newID,
	})
}

func TestARunThatCantBeReadCostsNoOtherItsTurn(t *testing.T) {
	w, c, l := many(t, asr.Limits{InFlight: asr.Bounds{All: 1}}, 4)
	ids := w.claim("T.1", 0, 4)
	for _, id := range ids {
		w.begin(id)
	}
	w.tear(c, limited{auto, l}, ids[1], "")
	w.drive(ids[0])
	for _, want := range ids[2:] {
		got, err := w.engine.Admit(t.Context())
		if !errors.Is(err, asr.ErrCorrupt) || !slices.Equal(got, []string{want}) {
			t.Fatalf("admitted %v, want %s; and it says %v", got, want, err)
		}
		w.expect(w.drive(want), asr.StateVerified)
	}
	if r := w.run(ids[1]); r.Queued == nil || r.State != asr.StateScheduled {
		t.Errorf("the run that can't be read is %s and has lost its place", r.State)
	}
}

func TestAReportThatCantBeReadKeepsNoOtherBack(t *testing.T) {
	w, c, l := many(t, asr.Limits{}, 3)
	ids := w.claim("T.1", 0, 3)
	for _, id := range ids {
		w.drive(id)
	}
	w.tear(c, limited{auto, l}, ids[0], "f1")
	to := &flaky{}
	if n, err := w.engine.Deliver(t.Context(), to, asr.Pending{}); n != 2 || !errors.Is(err, asr.ErrCorrupt) {
		t.Errorf("told %d of 2: %v", n, err)
	}
}

// What can't be seen might be what an undo must wait for.
func TestNothingIsPutBackWhileARunOnTheSameTargetCantBeRead(t *testing.T) {
	w, c, l := many(t, asr.Limits{}, 1)
	first := w.claim("T.1", 0, 1)[0]
	w.expect(w.drive(first), asr.StateVerified)
	second := w.ingest(w.finding("g", "T.2", "r0")).Runs[0]
	w.expect(w.drive(second), asr.StateVerified)
	w.tear(c, limited{auto, l}, second, "")
	if _, err := w.engine.Revert(t.Context(), first, ada, false); !errors.Is(err, asr.ErrCorrupt) {
		t.Errorf("the undo was let in: %v", err)
	}
}

func TestAFindingThatCantBeReadCostsNoOtherThatComesWithIt(t *testing.T) {
	w, c, l := many(t, asr.Limits{}, 4)
	ids := w.claim("T.1", 0, 2)
	w.tear(c, limited{auto, l}, ids[1], "f0")
	in, err := w.engine.Ingest(t.Context(), []asr.Observation{
		w.finding("f0", "T.1", "r0", later), w.finding("g1", "T.1", "r1"), w.finding("f2", "T.1", "r2"), w.finding("f3", "T.1", "r3"),
	})
	if !asr.Partial(err) || !errors.Is(err, asr.ErrCorrupt) || len(in.Runs) != 2 {
		t.Errorf("started %v, want those of f2 and f3: %v", in.Runs, err)
	}
	for _, r := range w.all() {
		if r.Target.Name == "r1" && r.ID != ids[1] {
			t.Errorf("a second run %s was started on what one that can't be read has claimed", r.ID)
		}
	}
}

func later(o *asr.Observation) { o.At, o.UpdatedAt = o.At.Add(time.Hour), o.UpdatedAt.Add(time.Hour) }
