package asr_test

import (
	"errors"
	"testing"
	"time"

	"example.com/asr"
)

// step takes n steps, and lets the time pass that each asks for.
func (w *world) steps(id string, n int) {
	w.t.Helper()
	for range n {
		next, err := w.engine.Step(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		w.jump(next.After)
	}
}

func TestWhatWaitsByAClockThatWasAheadIsDueWhenItIsSetBack(t *testing.T) {
	w, _ := announced(t, auto)
	slow := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
	for w.run(slow).State != asr.StateSettling {
		w.steps(slow, 1)
	}
	w.jump(-9 * time.Hour)
	if _, err := w.store.Lease(t.Context(), "w", "", w.clock(), time.Minute); !errors.Is(err, asr.ErrNotFound) {
		t.Fatalf("it is due by itself: %v", err)
	}
	if n, err := w.engine.SetBack(t.Context()); err != nil || n != 1 {
		t.Fatalf("%d were mended: %v", n, err)
	}
	if id, err := w.store.Lease(t.Context(), "w", "", w.clock(), time.Minute); err != nil || id != slow {
		t.Errorf("leased %q: %v", id, err)
	}
	if n, err := w.engine.SetBack(t.Context()); err != nil || n != 0 {
		t.Errorf("%d were mended again: %v", n, err)
	}
	w.expect(w.drive(slow), asr.StateVerified)
	w.jump(9 * time.Hour)
	if n, err := w.engine.SetBack(t.Context()); err != nil || n != 0 {
		t.Errorf("%d were mended after the clock went forwards: %v", n, err)
	}
}

// What nobody can be told of by a clock that is ahead is told soon.
func TestReportsThatWaitByAClockThatWasAheadAreTold(t *testing.T) {
	w, _ := announced(t, auto)
	w.expect(w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0]), asr.StateVerified)
	if _, err := w.engine.Deliver(t.Context(), &flaky{fail: 2}, asr.Pending{}); err != nil {
		t.Fatal(err)
	}
	w.jump(-9 * time.Hour)
	if n, err := w.engine.SetBack(t.Context()); err != nil || n != 2 {
		t.Fatalf("%d were mended: %v", n, err)
	}
	told := &flaky{}
	if n, err := w.engine.Deliver(t.Context(), told, asr.Pending{}); err != nil || n != 2 {
		t.Errorf("told %d: %v", n, err)
	}
}

// windowed lets runs begin from a time on.
type windowed struct {
	fixed
	opens time.Time
}

func (p windowed) Decide(f asr.Facts) (asr.Decision, bool) {
	d, names := p.fixed.Decide(f)
	d.NotBefore = p.opens
	return d, names
}

// A window is judged by the clock each time that a run would begin.
func TestNoJumpOfTheClockLetsARunBeginWhileItsWindowIsClosed(t *testing.T) {
	for name, jumps := range map[string][]time.Duration{
		"forwards, and set right": {20 * time.Hour, -20 * time.Hour}, "back": {-30 * time.Hour}, "to and fro": {30 * time.Hour, -31 * time.Hour, time.Hour, -9 * time.Hour},
	} {
		w, c := one(t, auto)
		opens := w.clock().Add(24 * time.Hour)
		w.engine = w.build(windowed{auto, opens}, c.unit("test-tls", map[string]string{"T.1": `{"tls":"on"}`}))
		id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
		for _, jump := range append(jumps, 0) {
			w.jump(jump)
			if _, err := w.engine.SetBack(t.Context()); err != nil {
				t.Fatal(err)
			}
			if w.clock().Before(opens) {
				for range 3 {
					if _, err := w.engine.Step(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				}
				if r := w.run(id); r.State.Begun() || len(c.writes) > 0 {
					t.Errorf("%s: it is %s and its window opens at %s", w.clock(), r.State, opens)
				}
			}
		}
		w.jump(opens.Sub(w.clock()))
		w.expect(w.drive(id), asr.StateVerified)
		if c.writes["tls"] != 1 {
			t.Errorf("%s: writes %v", name, c.writes)
		}
	}
}

// What a clock that was ahead counted still counts: a jump lets nothing more
// begin than may. It holds back no longer than until that time has passed.
func TestNoJumpOfTheClockLetsMoreBeginWithinTheHourThanMay(t *testing.T) {
	w, _, _ := many(t, asr.Limits{PerHour: asr.Bounds{All: 2}}, 3)
	right := w.clock()
	w.jump(9 * time.Hour)
	for _, id := range w.claim("T.1", 0, 2) {
		w.expect(w.drive(id), asr.StateVerified)
	}
	w.jump(right.Add(10 * time.Minute).Sub(w.clock()))
	third := w.claim("T.1", 2, 3)[0]
	if r := w.begin(third); r.Queued == nil || r.Queued.Reason != asr.ReasonPerHour {
		t.Fatalf("the third is %s: %+v", r.State, r.Queued)
	}
	if ids := w.admit(); len(ids) > 0 {
		t.Errorf("admitted %v", ids)
	}
	w.jump(11 * time.Hour)
	if ids := w.admit(); len(ids) != 1 {
		t.Errorf("admitted %v", ids)
	}
	w.expect(w.drive(third), asr.StateVerified)
}
