package protocol

import (
	"context"
	"encoding/json"
	"slices"

	"example.com/asr"
)

// check looks whether a state keeps what is promised of every one.
func (w *world) check() {
	claims, locks := w.store.Held()
	open := map[string]string{}
	for _, r := range w.runs() {
		if !r.State.Open() {
			continue
		}
		same := r.Target.ID + string(r.Params)
		if open[same] != "" {
			w.break_("two runs of one claim are open: %s and %s", open[same], r.ID)
		}
		if open[same] = r.ID; claims[r.Claim] != r.ID {
			w.break_("the open run %s doesn't hold its claim", r.ID)
		}
	}
	if len(claims) > len(open) {
		w.break_("claims are held by runs that have ended: %v", claims)
	}
	for _, holder := range locks {
		if r := w.run(holder); !r.State.Begun() {
			w.break_("%s holds a lock and is %s", holder, r.State)
		}
	}
	writing := 0
	for _, a := range w.actors {
		if a.pending == "write" {
			writing++
		}
	}
	if writing > 1 {
		w.break_("two write the same setting at once")
	}
	w.told()
}

// told checks that a finding runs if and only if its run does.
func (w *world) told() {
	d, there := w.docs["f-1"]
	if !there {
		return
	}
	f, _ := open[asr.Finding](answer{text: d.json})
	if r := w.run(f.Run); (f.Outcome == asr.OutcomeRunning) != (r.State.Open() && !r.State.Begun() || r.State.Open() && r.Undo == nil) {
		w.break_("the finding is %s while its run is %s", f.Outcome, r.State)
	}
}

func (w *world) run(id string) asr.Run { return w.docs[id].run }

// ended reports whether all have come to an end, or wait for a person: for an
// answer, or for the kill switch to be turned off.
func (w *world) ended() bool {
	kill, _ := w.store.Setting(ctx, asr.KillSwitch)
	return len(w.actors) == 0 && kill != "" || len(w.actors) == 0 && !slices.ContainsFunc(w.runs(), func(r asr.Run) bool { return r.State.Open() && !r.State.Waits() })
}

// written checks a write at the moment that it is made.
func (s *session) written(on asr.On, from, to json.RawMessage) {
	w := s.w
	r := w.run(on.Call.Run)
	_, locks := w.store.Held()
	if len(r.Locks) == 0 || locks[r.Locks[0]] != r.ID {
		w.break_("%s writes without its lock", r.ID)
	}
	if r.State != asr.StateApplying && r.State != asr.StateReverting {
		w.break_("%s writes and is %s", r.ID, r.State)
	}
	if r.Intent == nil || r.Intent.Token != on.Call.Token || on.Call.Token == "" {
		w.break_("%s writes what it has not said that it would", r.ID)
	}
	if last := s.a.log[len(s.a.log)-1]; last.canon != "ask " {
		w.break_("%s writes without having seen that the kill switch is off", r.ID)
	}
	w.decided(r)
	w.planned(r, from, to)
}

// decided checks that a run may write at all.
func (w *world) decided(r asr.Run) {
	switch {
	case r.State == asr.StateReverting:
		if r.Undo == nil || !r.Undo.By.Verified {
			w.break_("%s puts back what nobody asked to", r.ID)
		}
	case r.Approval != nil:
		if r.Approval.Hash != r.Plan.Hash || !r.Approval.By.Verified || w.saw[r.Plan.Hash] != text(r.Plan.Changes) {
			w.break_("%s makes another plan than was approved", r.ID)
		}
	case r.Decision.Mode != asr.ModeAuto:
		w.break_("%s writes with neither an approval nor a decision for it", r.ID)
	}
}

// planned checks that a write changes nothing but what the run is to change.
func (w *world) planned(r asr.Run, from, to json.RawMessage) {
	changes := r.Plan.Changes
	if r.State == asr.StateReverting {
		changes = r.Undo.Changes
	}
	made, err := asr.Diff(from, to)
	if err != nil {
		w.break_("%v", err)
	}
	for _, c := range made {
		if !slices.ContainsFunc(changes, func(p asr.Change) bool { return slices.Equal(p.Path, c.Path) && string(p.To) == string(c.To) }) {
			w.break_("%s writes %s, which is not its plan's", r.ID, c)
		}
	}
}

// unit sets a and b to its parameter, by two writes.
func (s *session) unit() asr.Remediation {
	type state struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	decode := func(doc json.RawMessage) (v state) { _ = json.Unmarshal(doc, &v); return v } // ours
	return asr.Remediation{
		Spec:     asr.Spec{ID: "test-switch", Version: 1, Title: "Set it", Scope: asr.ScopeResource, Resources: []string{"arn:{partition}:test:{region}:{account}:{name}"}},
		Controls: map[string]json.RawMessage{"T.1": json.RawMessage(`{"v":1}`)},
		Check:    func(asr.On) error { return nil },
		Resolve:  func(_ context.Context, on asr.On) (asr.Target, error) { return on.Target, nil },
		Read: func(context.Context, asr.On) (json.RawMessage, error) {
			a := s.do("read", func() answer { return answer{text: string(s.w.cloud), canon: string(s.w.cloud)} })
			return json.RawMessage(a.text), nil
		},
		Want: func(on asr.On, _ json.RawMessage) (json.RawMessage, error) {
			var p struct{ V int }
			err := json.Unmarshal(on.Params, &p)
			return json.RawMessage(text(state{p.V, p.V})), err
		},
		Write: func(ctx context.Context, on asr.On, from, to json.RawMessage) error {
			if !s.w.scenario.unguarded { // as sessions do, at each call
				if reason, err := s.Setting(ctx, asr.KillSwitch); err != nil || reason != "" {
					return &asr.Error{Code: asr.CodeKilled, Message: reason, Err: err}
				}
			}
			s.do("write", func() answer {
				s.written(on, from, to)
				now, goal := decode(s.w.cloud), decode(to)
				if now.A != goal.A {
					now.A = goal.A
				} else {
					now.B = goal.B
				}
				s.w.cloud = json.RawMessage(text(now))
				return answer{}
			})
			return nil
		},
		Keep:  func(asr.On, asr.Change) string { return "" },
		Makes: func(asr.On, asr.Change) string { return "" },
	}
}
