package protocol

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
)

var (
	ctx      = context.Background()
	noon     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ada      = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}
	resource = asr.Resource{ID: "arn:aws:test:eu-west-1:111111111111:x"}
)

func (sc *scenario) begin() *world {
	w := &world{
		scenario: sc, store: memory.New(), docs: map[string]doc{}, chains: map[string]int64{}, saw: map[string]string{},
		cloud: json.RawMessage(sc.cloud), deaths: sc.deaths, now: noon,
	}
	if sc.cloud == "" {
		w.cloud = json.RawMessage(`{"a":5,"b":5}`)
	}
	for _, p := range sc.programs {
		w.left = append(w.left, p.times)
	}
	return w
}

// The programs.
var (
	// event is a finding that comes from a queue, which may send it twice.
	event = program{name: "event", times: 1, again: true, body: func(s *session, e *asr.Engine) error {
		_, err := e.Ingest(ctx, []asr.Observation{{
			ID: "f-1", Source: asr.SourceImported, At: noon, Workflow: asr.Workflow{Status: asr.WorkflowNew},
			Provider: asr.Provider{
				Account: "111111111111", Region: "eu-west-1", Control: "T.1", Severity: "HIGH", Compliance: asr.ComplianceFailed,
				RecordState: asr.RecordActive, UpdatedAt: noon, Resources: []asr.Resource{resource},
			},
		}})
		return err
	}}
	twice = with(event, func(p *program) { p.times = 2 })

	// worker takes one step of a run that is due, under a lease.
	worker = program{name: "worker", drives: true, on: func(r asr.Run) bool { return r.State.Open() && !r.State.Waits() }, body: func(s *session, e *asr.Engine) error {
		if !s.w.scenario.leaseless {
			leased := s.quietly(func() answer {
				id, err := s.w.store.Lease(ctx, s.a.name, s.a.run, noon.AddDate(1, 0, 0), time.Minute)
				return answer{text: id, err: err}
			})
			if errors.Is(leased.err, asr.ErrNotFound) {
				return nil
			}
		}
		_, err := e.Step(ctx, s.a.run)
		s.quietly(func() answer { return answer{err: s.w.store.Release(ctx, s.a.run, s.a.name)} })
		return err
	}}

	approve = program{name: "approver", times: 1, on: waits, body: func(s *session, e *asr.Engine) error {
		r, err := s.Run(ctx, s.a.run)
		if err != nil {
			return err
		}
		if _, err = e.Approve(ctx, r.ID, r.Plan.Hash, ada, ""); err == nil {
			s.w.saw[r.Plan.Hash] = text(r.Plan.Changes)
		}
		return err
	}}
	reject = program{name: "rejecter", times: 1, on: waits, body: func(s *session, e *asr.Engine) error {
		_, err := e.Reject(ctx, s.a.run, ada, "")
		return err
	}}
	cancel = program{name: "canceller", times: 1, on: func(r asr.Run) bool { return r.State.Open() }, body: func(s *session, e *asr.Engine) error {
		_, err := e.Cancel(ctx, s.a.run, ada, "")
		return err
	}}
	revert = program{name: "reverter", times: 1, on: func(r asr.Run) bool { return r.Undoable() }, body: func(s *session, e *asr.Engine) error {
		_, err := e.Revert(ctx, s.a.run, ada, false)
		return err
	}}

	// other asks for another value of the same setting.
	other = program{name: "other", times: 1, body: func(s *session, e *asr.Engine) error {
		_, err := e.Request(ctx, asr.Ask{Actor: ada, Control: "T.1", Resource: resource, Params: map[string]json.RawMessage{"v": json.RawMessage("2")}})
		return err
	}}
	// same asks for what the event asks for.
	same = program{name: "same", times: 1, body: func(s *session, e *asr.Engine) error {
		_, err := e.Request(ctx, asr.Ask{Actor: ada, Control: "T.1", Resource: resource})
		return err
	}}
	// stranger changes it behind asr's back.
	stranger = program{name: "stranger", times: 1, body: func(s *session, e *asr.Engine) error {
		s.do("change", func() answer {
			var now map[string]int
			_ = json.Unmarshal(s.w.cloud, &now)
			now["a"] = 9
			s.w.cloud = json.RawMessage(text(now))
			return answer{}
		})
		return nil
	}}
	killOn  = program{name: "kill", times: 1, body: func(s *session, e *asr.Engine) error { return e.Kill(ctx, ada, "stop") }}
	killOff = program{name: "unkill", times: 1, again: true, body: func(s *session, e *asr.Engine) error { return e.Kill(ctx, ada, "") }}

	// expiry is the time that passes until nobody waits for an approval any more.
	expiry = program{name: "time", times: 1, body: func(s *session, e *asr.Engine) error {
		s.do("pass", func() answer { s.w.now = noon.AddDate(0, 0, 8); return answer{} })
		return nil
	}}
	// failure is an execution of a workflow that failed for good: it gives its run up.
	failure = program{name: "failure", times: 1, drives: true, on: func(r asr.Run) bool { return r.State.Open() }, body: func(s *session, e *asr.Engine) error {
		return e.Abandon(ctx, s.a.run, &asr.Error{Code: asr.CodeInternal, Message: "a task failed"})
	}}
)

func waits(r asr.Run) bool { return r.State.Waits() }

func with(p program, change func(*program)) program {
	change(&p)
	return p
}

// scenarios are what is explored: each has every order of its programs' side
// effects, and of the deaths between them.
func scenarios() []*scenario {
	return []*scenario{
		{name: "an event that comes twice", mode: asr.ModeAuto, deaths: 1, programs: []program{twice, worker}},
		{name: "the kill switch", mode: asr.ModeAuto, cloud: `{"a":1,"b":5}`, deaths: 1, programs: []program{event, worker, killOn, killOff}},
		{name: "an approval and a rejection", mode: asr.ModeAsk, deaths: 1, programs: []program{event, worker, approve, reject}},
		{name: "an approval and a cancellation", mode: asr.ModeAsk, programs: []program{event, worker, approve, cancel}},
		{name: "an approval of what somebody changes", mode: asr.ModeAsk, deaths: 1, programs: []program{event, worker, approve, stranger}},
		{name: "an approval in the nick of time", mode: asr.ModeAsk, programs: []program{event, worker, approve, expiry}},
		{name: "another run on the same setting", mode: asr.ModeAuto, programs: []program{event, worker, other}},
		{name: "an event and a person ask for the same", mode: asr.ModeAuto, cloud: `{"a":1,"b":1}`, programs: []program{event, same, worker}},
		{name: "an undo", mode: asr.ModeAuto, deaths: 2, programs: []program{event, worker, revert}},
		{name: "an undo of what somebody changes", mode: asr.ModeAuto, deaths: 1, programs: []program{event, worker, revert, stranger}},
		{name: "a workflow that fails for good", mode: asr.ModeAuto, deaths: 2, programs: []program{event, worker, failure, revert}},
	}
}

func TestEveryOrderOfSideEffectsAndDeathsKeepsThePromises(t *testing.T) {
	var states, moves atomic.Int64
	t.Run("scenarios", func(t *testing.T) {
		for _, sc := range scenarios() {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				f := explore(sc)
				if f.wrong != "" {
					t.Errorf("%s\n  %s", f.wrong, strings.Join(f.trail, "\n  "))
				}
				t.Logf("%d states, %d transitions", f.states, f.moves)
				states.Add(int64(f.states))
				moves.Add(int64(f.moves))
			})
		}
	})
	t.Logf("%d scenarios: %d states, %d transitions", len(scenarios()), states.Load(), moves.Load())
}

func TestTheSearchFindsEachDeliberateMistake(t *testing.T) {
	t.Parallel()
	auto := []program{event, worker}
	for _, row := range []struct {
		name, want string
		scenario   scenario
	}{
		{"claims aren't checked", "two runs of one claim are open", scenario{mode: asr.ModeAuto, programs: []program{event, same, worker}, commit: func(_ *world, b *asr.Batch) {
			if b.Run != nil {
				b.Run.Claim = b.Run.ID
			}
		}}},
		{"locks aren't taken", "writes without its lock", scenario{mode: asr.ModeAuto, programs: auto, commit: func(_ *world, b *asr.Batch) { b.Locks = asr.LockKeep }}},
		{"locks are let go before the write", "writes without its lock", scenario{mode: asr.ModeAuto, programs: auto, commit: func(_ *world, b *asr.Batch) {
			if b.Run != nil && b.Run.Intent != nil {
				b.Locks = asr.LockRelease
			}
		}}},
		{"the intent isn't saved", "has not said that it would", scenario{mode: asr.ModeAuto, programs: auto, commit: func(_ *world, b *asr.Batch) {
			if b.Run != nil {
				b.Run.Intent = nil
			}
		}}},
		{"calls don't ask the kill switch", "without having seen that the kill switch is off", scenario{mode: asr.ModeAuto, unguarded: true, programs: auto}},
		{"nobody asks the kill switch", "without having seen that the kill switch is off", scenario{mode: asr.ModeAuto, blind: true, programs: auto}},
		{"a plan waits for nobody", "neither an approval nor a decision", scenario{mode: asr.ModeAsk, programs: auto, commit: func(_ *world, b *asr.Batch) {
			if b.Run != nil && b.Run.State == asr.StateAwaiting {
				b.Run.State, b.Run.ExpiresAt, b.Locks = asr.StateApplying, time.Time{}, asr.LockTake
			}
		}}},
		{"an approval stands for the next plan", "makes another plan than was approved", scenario{mode: asr.ModeAsk, programs: []program{event, worker, approve, stranger}, commit: func(w *world, b *asr.Batch) {
			if b.Run != nil && b.Run.State == asr.StateAwaiting && w.run(b.Run.ID).Approval != nil {
				b.Run.State, b.Run.ExpiresAt = asr.StateScheduled, time.Time{}
				b.Run.Approval = &asr.Approval{By: ada, Hash: b.Run.Plan.Hash}
			}
		}}},
		{"versions aren't looked at", "the finding is open while its run is awaiting_approval", scenario{mode: asr.ModeAsk, programs: []program{event, worker, approve, cancel}, commit: func(w *world, b *asr.Batch) {
			if b.Run != nil {
				b.Run.Version, b.Records = w.docs[b.Run.ID].version, nil
			}
		}}},
		{"leases aren't asked for", "two write the same setting at once", scenario{mode: asr.ModeAuto, leaseless: true, cloud: `{"a":1,"b":5}`, programs: auto}},
		{"findings aren't told", "the finding is running while its run is verified", scenario{mode: asr.ModeAuto, programs: auto, commit: func(_ *world, b *asr.Batch) {
			if b.Run != nil && !b.Run.State.Open() {
				b.Findings = nil
			}
		}}},
		{"a run never ends", "no run ever ends", scenario{mode: asr.ModeAuto, programs: auto, commit: func(_ *world, b *asr.Batch) {
			if b.Run != nil && b.Run.State == asr.StateVerified {
				b.Run.State, b.Run.Reads, b.Run.EndedAt, b.Findings = asr.StateSettling, 1, time.Time{}, nil
			}
		}}},
	} {
		f := explore(&row.scenario)
		if !strings.Contains(f.wrong, row.want) {
			t.Errorf("%s: the search found %q, want %q", row.name, f.wrong, row.want)
		}
		t.Logf("%-40s found after %5d states: %s", row.name, f.states, f.wrong)
	}
}
