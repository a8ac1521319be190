package asr_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"example.com/asr"
)

// A step has 60 tries; how long another run takes is not its fault.
func TestAnUndoThatWaitedLongForItsLockHasAllItsTriesLeft(t *testing.T) {
	w, c := one(t, auto)
	a := w.fix("f1", "T.1").ID
	b := w.ingest(w.finding("f2", "T.2", "r")).Runs[0]
	if _, err := w.engine.Revert(t.Context(), a, ada, false); err != nil {
		t.Fatal(err)
	}
	for w.run(b).State != asr.StateApplying {
		if _, err := w.engine.Step(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		next, err := w.engine.Step(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		w.jump(next.After)
	}
	if r := w.run(a); r.State != asr.StateReverting || r.Error == nil || r.Error.Code != asr.CodeConflict || r.Error.Do == "" {
		t.Fatalf("while another run holds the lock, the undo is %s: %+v", r.State, r.Error)
	}
	if err := w.engine.Abandon(t.Context(), b, &asr.Error{Code: asr.CodeUnavailable, Message: "its workflow died"}); err != nil {
		t.Fatal(err)
	}
	trouble := 3
	c.fail = func(string, asr.On) error {
		if trouble--; trouble >= 0 {
			return &asr.Error{Code: asr.CodeThrottled}
		}
		return nil
	}
	w.expect(w.drive(a), asr.StateReverted)
}

// A clock that is set goes hours forwards, or hours back.
func TestAClockThatJumpsChangesNoOutcome(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forwards": 9 * time.Hour, "back": -9 * time.Hour, "back and forwards": 0} {
		t.Run(name, func(t *testing.T) {
			w, c := one(t, auto)
			leap := func(i int) {
				d := jump
				if d == 0 {
					d = time.Duration(1-2*(i%2)) * 5 * time.Hour
				}
				w.jump(d)
			}
			step := func(id string) asr.Run {
				for i := range 300 {
					next, err := w.engine.Step(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					if next.Done {
						break
					}
					leap(i)
				}
				return w.run(id)
			}
			id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
			w.expect(step(id), asr.StateVerified)
			if c.writes["tls"] != 1 {
				t.Errorf("writes %v, want one", c.writes)
			}
			if _, err := w.engine.Revert(t.Context(), id, ada, false); err != nil {
				t.Fatal(err)
			}
			w.expect(step(id), asr.StateReverted)
			if c.get("r" + account)["tls"] != nil || c.writes["tls"] != 2 {
				t.Errorf("the resource is %v after the writes %v", c.get("r"+account), c.writes)
			}
		})
	}
}

// A call whose answer is lost is made again by AWS's client, and AWS refuses to
// do what is done.
func TestAWriteThatWasCarriedOutAndThenRefusedIsNoFailure(t *testing.T) {
	for name, settling := range map[string]int{"at once": 0, "and takes a while": 2} {
		t.Run(name, func(t *testing.T) {
			between, writes := 0, 0
			w, c := one(t, auto, func(u *asr.Remediation) {
				read, write := u.Read, u.Write
				u.Read = func(ctx context.Context, on asr.On) (json.RawMessage, error) {
					if between--; between >= 0 {
						return nil, asr.ErrSettling
					}
					return read(ctx, on)
				}
				u.Write = func(ctx context.Context, on asr.On, from, to json.RawMessage) error {
					writes++
					if err := write(ctx, on, from, to); err != nil {
						return err
					}
					between = settling
					return &asr.Error{Code: asr.CodeAWS, Message: "InvalidState: it is so already"}
				}
			})
			id := w.fix("f1", "T.1").ID
			w.expect(w.revert(id, false), asr.StateReverted)
			if c.get("r" + account)["tls"] != nil || writes != 2 {
				t.Errorf("the resource is %v after %d writes", c.get("r"+account), writes)
			}
		})
	}
}

// What was denied is tried once more from where the first call left it, and
// then stands as it is.
func TestAWriteThatIsDeniedMidwayEndsPartlyAppliedAndCanBePutBack(t *testing.T) {
	writes := 0
	w, c := one(t, auto, func(u *asr.Remediation) {
		write := u.Write
		u.Write = func(ctx context.Context, on asr.On, from, to json.RawMessage) error {
			writes++
			if on.Call.Token == "" {
				t.Error("a write without a token")
			}
			doc := map[string]any{}
			if err := json.Unmarshal(to, &doc); err != nil {
				return err
			}
			if doc["strict"] == nil || doc["tls"] == nil { // the way back
				return write(ctx, on, from, to)
			}
			delete(doc, "strict")
			first, err := json.Marshal(doc)
			if err == nil {
				err = write(ctx, on, from, first)
			}
			if err != nil {
				return err
			}
			return &asr.Error{Code: asr.CodeDenied, Message: "not authorized to perform: test:MakeStrict", Do: "allow it"}
		}
	})
	r := w.drive(w.ingest(w.finding("f1", "T.2", "r")).Runs[0])
	w.expect(r, asr.StatePartly)
	if r.Error.Code != asr.CodeDenied || r.Error.Do == "" || writes != 2 || c.get("r" + account)["tls"] != "on" {
		t.Errorf("after %d writes %+v, the resource is %v", writes, r.Error, c.get("r"+account))
	}
	w.expect(w.revert(r.ID, false), asr.StateReverted)
	if got := c.get("r" + account); got["tls"] != nil || got["strict"] != nil {
		t.Errorf("put back, the resource is %v", got)
	}
}

// Who looks after asr may be asleep: nothing ends for want of a sign-in.
func TestARunWaitsForItsOwnCredentialsAsLongAsItTakesAndGoesOn(t *testing.T) {
	for name, row := range map[string]struct {
		op   string
		from int // the call of it that is the first to fail
	}{"at the first look": {"read", 1}, "before the first write": {"write", 1}, "after the first write": {"read", 3}, "while it verifies": {"read", 4}} {
		t.Run(name, func(t *testing.T) {
			w, c := one(t, auto)
			calls, over := map[string]int{}, false
			c.fail = func(op string, _ asr.On) error {
				if calls[op]++; op == row.op && calls[op] >= row.from && !over {
					return &asr.Error{Code: asr.CodeSignedOut, Message: "asr's own AWS credentials have expired", Do: "sign in again"}
				}
				return nil
			}
			begun := w.clock()
			wait := func(id string) {
				t.Helper()
				for range 500 {
					next, err := w.engine.Step(t.Context(), id)
					if err != nil || next.Done {
						t.Fatalf("%+v %v: %+v", next, err, w.run(id).Error)
					}
					if w.jump(next.After); next.After > time.Minute {
						t.Fatalf("it looks again after %s", next.After)
					}
				}
				if r := w.run(id); r.Error == nil || r.Error.Code != asr.CodeSignedOut || r.Error.Do == "" || r.Retries > 0 {
					t.Fatalf("the run is %s: %+v", r.State, r.Error)
				}
			}
			id := w.ingest(w.finding("f1", "T.1", "r")).Runs[0]
			wait(id)
			if w.clock().Sub(begun) < 3*time.Hour {
				t.Errorf("it looked 500 times within %s", w.clock().Sub(begun))
			}
			over = true
			w.expect(w.drive(id), asr.StateVerified)
			if c.writes["tls"] != 1 || w.run(id).Error != nil {
				t.Errorf("writes %v, and it still says %+v", c.writes, w.run(id).Error)
			}
			if _, err := w.engine.Revert(t.Context(), id, ada, false); err != nil {
				t.Fatal(err)
			}
			calls, over = map[string]int{}, false
			row.from = min(row.from, 2)
			wait(id)
			over = true
			w.expect(w.drive(id), asr.StateReverted)
		})
	}
}

// What comes after a long wait for people has as many tries as what comes at first.
func TestAfterAWaitForPeopleAllTriesAreLeft(t *testing.T) {
	w, c := one(t, auto)
	n := 0
	c.fail = func(string, asr.On) error {
		switch n++; {
		case n < 300:
			return &asr.Error{Code: asr.CodeSignedOut}
		case n < 360:
			return &asr.Error{Code: asr.CodeThrottled}
		}
		return nil
	}
	w.expect(w.drive(w.ingest(w.finding("f1", "T.1", "r")).Runs[0]), asr.StateVerified)
}
