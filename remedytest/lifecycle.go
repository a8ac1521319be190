package remedytest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/google/go-cmp/cmp"
)

// Case is one target of a remediation, from its bad state and back.
type Case struct {
	Name     string
	Control  string
	Resource string // as a finding names it; empty for an account's or a Region's setting
	Params   string // JSON that overrides the control's parameters

	Seed func() // brings the resource into its bad state, whatever state it is in; called before the case and before each partial failure

	Want []string // the plan's changes, as asr.Change.String writes them
	Left []string // the fields that undo leaves behind, with the reasons' beginnings: "bucket: it holds"
	Made []string // ARNs that the run brings into being

	Meanwhile func()   // what others do to untouched settings after the fix: survives undo
	Foreign   func()   // what others do to a touched setting after the fix: undo refuses
	View      View     // the whole resource as boto3 sees it: equal before the fix and after undo
	Seen      []string // all that the fix changes in the view: beginnings of asr.Change.String
	Gone      func()   // deletes the resource, last
}

// Lifecycle runs each case and checks each promise that the engine makes for a
// unit: the plan is what was said and planning writes nothing; a crash before or
// after each write changes nothing of the outcome; the fix is verified and a
// second plan is empty; undo restores, keeps what others did, refuses what they
// changed, lists what it leaves; calls that fail change no outcome; denied and
// gone are handled; a run makes no more calls than it needs; and the declared IAM
// actions are exactly the ones used.
func Lifecycle[P, S any](t T, acct *Account, u remedy.Unit[P, S], cases ...Case) {
	t.Helper()
	before := acct.uses()
	for i, c := range cases {
		cycle(t, acct, u, c, i == 0)
	}
	used := acct.uses()
	for action, n := range before {
		used[action] -= n
	}
	if acct.assume != nil { // a sample on the wire
		return
	}
	for _, g := range slices.Concat(u.Spec.Reads, u.Spec.Writes) {
		for _, action := range g.Actions {
			if used[action] == 0 {
				t.Errorf("%s is granted but was not used", action)
			}
		}
	}
	declared(t, u.Spec)
	covered(t, u.Spec, cases)
	emulated(t, acct, u.Spec.ID)
}

// covered checks that the cases look at everything that a unit promises.
func covered(t T, s asr.Spec, cases []Case) {
	t.Helper()
	if !slices.ContainsFunc(cases, func(c Case) bool { return len(c.View.looks) > 0 && len(c.Seen) > 0 }) {
		t.Errorf("%s: no case says what boto3 sees of the fix: View and Seen", s.ID)
	}
	if s.Scope == asr.ScopeResource && !slices.ContainsFunc(cases, func(c Case) bool { return c.Gone != nil }) {
		t.Errorf("%s: no case has the resource gone", s.ID)
	}
}

// declared checks the Spec's own promises.
func declared(t T, s asr.Spec) {
	t.Helper()
	for what, ok := range map[string]bool{
		"an id": s.ID != "", "a version": s.Version > 0, "a title without a full stop": s.Title != "" && !strings.HasSuffix(s.Title, "."),
		"an impact in sentences": strings.HasSuffix(s.Impact, "."), "a risk": s.Risk != "", "a reason for the risk": s.RiskWhy != "", "a scope": s.Scope != "",
		"patterns for its resource": s.Scope != asr.ScopeResource || len(s.Resources) > 0,
	} {
		if !ok {
			t.Errorf("%s: the spec lacks %s", s.ID, what)
		}
	}
}

func cycle[P, S any](t T, acct *Account, u remedy.Unit[P, S], c Case, first bool) {
	t.Helper()
	h := NewHarness(acct, u)
	run := &cycleRun[P, S]{t: t, h: h, acct: acct, unit: u, c: c}
	if c.Seed != nil {
		c.Seed()
	}
	run.view = c.View.See(t)
	plan := run.plan()
	run.denied()
	used := acct.uses()
	fixed := run.fix(plan)
	run.again()
	run.undo(fixed, plan)
	needed := acct.uses()
	run.storm(plan)
	run.foreign(plan)
	if first {
		run.calm(plan)
	}
	run.midway(plan, used, needed)
	if c.Gone != nil {
		c.Gone()
		if r := run.drive(run.request(false)); r.State != asr.StateNothingToDo {
			t.Errorf("%s: gone: the run ended %s, want nothing_to_do: %+v", c.Name, r.State, r.Error)
		}
	}
}

type cycleRun[P, S any] struct {
	t    T
	h    *Harness
	acct *Account
	unit remedy.Unit[P, S]
	c    Case
	view json.RawMessage // before the fix
}

// plan checks the plan, and that its making wrote nothing.
func (x *cycleRun[P, S]) plan() asr.Plan {
	x.t.Helper()
	used := x.acct.uses()
	r := x.drive(x.request(true))
	if r.Plan == nil {
		x.t.Fatalf("%s: no plan: %s %+v", x.c.Name, r.State, r.Error)
	}
	if diff := cmp.Diff(x.c.Want, changes(*r.Plan)); diff != "" {
		x.t.Fatalf("%s: plan (-want +got)\n%s", x.c.Name, diff)
	}
	for action, n := range x.acct.uses() {
		if n > used[action] && x.writes(action) {
			x.t.Errorf("%s: planning called %s", x.c.Name, action)
		}
	}
	x.closed(r.Plan.Before)
	golden[S](x.t, *r.Plan)
	if _, err := x.h.Engine.Cancel(x.t.Context(), r.ID, Actor, "only a plan"); err != nil {
		x.t.Fatalf("%s: cancel: %v", x.c.Name, err)
	}
	return *r.Plan
}

func changes(p asr.Plan) (out []string) {
	for _, c := range p.Changes {
		out = append(out, c.String())
	}
	return out
}

func (x *cycleRun[P, S]) writes(action string) bool {
	in := func(g asr.Grant) bool { return slices.Contains(g.Actions, action) }
	return slices.ContainsFunc(x.unit.Spec.Writes, in) && !slices.ContainsFunc(x.unit.Spec.Reads, in)
}

// closed checks that JSON holds the state, and that Want is stable on it.
func (x *cycleRun[P, S]) closed(before json.RawMessage) {
	x.t.Helper()
	var s S
	d := json.NewDecoder(bytes.NewReader(before))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		x.t.Fatalf("%s: the state doesn't survive JSON: %v", x.c.Name, err)
	}
	again, err := json.Marshal(s)
	if err != nil {
		x.t.Fatalf("%s: state: %v", x.c.Name, err)
	}
	if lost, err := asr.Diff(before, again); err != nil || len(lost) > 0 {
		x.t.Errorf("%s: JSON loses of the state: %v %v", x.c.Name, lost, err)
	}
}

// denied checks that a run that may not write fails cleanly and changes nothing.
func (x *cycleRun[P, S]) denied() {
	x.t.Helper()
	var all []string
	for _, g := range x.unit.Spec.Writes {
		all = append(all, g.Actions...)
	}
	x.acct.deny(all...)
	r := x.drive(x.request(false))
	x.acct.deny()
	if r.State != asr.StateFailed || r.Error == nil || r.Error.Code != asr.CodeDenied || r.Error.Do == "" {
		x.t.Errorf("%s: denied: the run ended %s %+v, want failed with access_denied", x.c.Name, r.State, r.Error)
	}
	x.unchanged("a denied run")
}

// unchanged checks that boto3 sees what it saw at first.
func (x *cycleRun[P, S]) unchanged(after string) {
	x.t.Helper()
	if d := differences(x.t, x.view, x.c.View.See(x.t)); len(d) > 0 {
		x.t.Errorf("%s: boto3 sees after %s: %s", x.c.Name, after, strings.Join(d, "\n"))
	}
}

// midway denies, one after the other, each action that the fix or its undo
// used: the run ends where it says, and what it did can be put back, or, where
// nothing can, the next run goes on from it.
func (x *cycleRun[P, S]) midway(plan asr.Plan, before, used map[string]int) {
	x.t.Helper()
	lasting := x.unit.Spec.Irreversible != ""
	if lasting && x.c.Seed == nil || !lasting && x.keepsAll(plan) {
		return
	}
	for _, g := range x.unit.Spec.Writes {
		for _, action := range g.Actions {
			if x.writes(action) && used[action] > before[action] {
				x.without(action)
			}
		}
	}
}

// without fixes and undoes with one action denied, then undoes with all.
func (x *cycleRun[P, S]) without(action string) {
	x.t.Helper()
	if x.c.Seed != nil {
		x.c.Seed()
	}
	x.view = x.c.View.See(x.t)
	x.acct.deny(action)
	r := x.drive(x.request(false))
	if r.State == asr.StateVerified { // only the way back needs it
		r = x.revert(r)
	}
	x.acct.deny()
	switch {
	case r.Error == nil || r.Error.Code != asr.CodeDenied || r.Error.Do == "":
		x.t.Errorf("%s: without %s the run ended %s: %+v, want access_denied: is the action needed?", x.c.Name, action, r.State, r.Error)
		return
	case r.State == asr.StateFailed:
		x.unchanged("a run without " + action)
		return
	case r.State != asr.StatePartly:
		x.t.Errorf("%s: without %s the run ended %s: %+v", x.c.Name, action, r.State, r.Error)
	case x.unit.Spec.Irreversible != "":
		if r = x.drive(x.request(false)); r.State != asr.StateVerified {
			x.t.Errorf("%s: the run after one without %s ended %s: %+v", x.c.Name, action, r.State, r.Error)
		}
		return
	}
	if r = x.revert(r); r.State != asr.StateReverted {
		x.t.Errorf("%s: the undo of a run without %s ended %s: %+v %+v", x.c.Name, action, r.State, r.Error, r.Undo)
	}
	if len(r.Left) == 0 {
		x.unchanged("the undo of a run without " + action)
	}
}

func (x *cycleRun[P, S]) revert(r asr.Run) asr.Run {
	x.t.Helper()
	if _, err := x.h.Engine.Revert(x.t.Context(), r.ID, Actor, false); err != nil {
		x.t.Fatalf("%s: undo: %v", x.c.Name, err)
	}
	return x.drive(r)
}

// fix applies through every crash and expects it verified.
func (x *cycleRun[P, S]) fix(plan asr.Plan) asr.Run {
	x.t.Helper()
	r, err := x.h.Crash(x.t.Context(), x.request(false).ID)
	if err != nil {
		x.t.Fatalf("%s: apply: %v", x.c.Name, err)
	}
	if r.State != asr.StateVerified {
		x.t.Fatalf("%s: apply: the run ended %s: %+v", x.c.Name, r.State, r.Error)
	}
	if r.Plan.Hash != plan.Hash {
		x.t.Errorf("%s: the same plan has another hash", x.c.Name)
	}
	x.seen("a fix")
	if diff := cmp.Diff(slices.Sorted(slices.Values(x.c.Made)), slices.Sorted(slices.Values(r.Made))); diff != "" {
		x.t.Errorf("%s: made (-want +got)\n%s", x.c.Name, diff)
	}
	return r
}

// seen checks that boto3 sees what the case says.
func (x *cycleRun[P, S]) seen(after string) {
	x.t.Helper()
	if diff := unexpected(differences(x.t, x.view, x.c.View.See(x.t)), x.c.Seen); diff != "" {
		x.t.Errorf("%s: what boto3 sees of %s (-want +got)\n%s", x.c.Name, after, diff)
	}
}

// again checks that there is nothing left to do.
func (x *cycleRun[P, S]) again() {
	x.t.Helper()
	if r := x.drive(x.request(false)); r.State != asr.StateNothingToDo {
		x.t.Errorf("%s: a second run ended %s, want nothing_to_do: %v %+v", x.c.Name, r.State, r.Plan, r.Error)
	}
}

// undo puts back and compares with what was before.
func (x *cycleRun[P, S]) undo(fixed asr.Run, plan asr.Plan) {
	x.t.Helper()
	ctx := x.t.Context()
	if x.c.Meanwhile != nil {
		x.c.Meanwhile()
	}
	_, err := x.h.Engine.Revert(ctx, fixed.ID, Actor, false)
	if x.unit.Spec.Irreversible != "" {
		if asr.Classify(err) != asr.CodeRefused {
			x.t.Errorf("%s: an irreversible remediation may be undone: %v", x.c.Name, err)
		}
		return
	}
	if x.keepsAll(plan) {
		if asr.Classify(err) != asr.CodeRefused {
			x.t.Errorf("%s: nothing can be put back, yet undo says %v", x.c.Name, err)
		}
		return
	}
	if err != nil {
		x.t.Fatalf("%s: undo: %v", x.c.Name, err)
	}
	r, err := x.h.Crash(ctx, fixed.ID)
	if err != nil || r.State != asr.StateReverted {
		x.t.Fatalf("%s: undo: the run ended %s: %+v %+v %v", x.c.Name, r.State, r.Error, r.Undo, err)
	}
	x.left(r)
	x.restored(plan)
}

// undoable reports whether anything of a fix can be put back.
func (x *cycleRun[P, S]) undoable(plan asr.Plan) bool {
	return x.unit.Spec.Irreversible == "" && !x.keepsAll(plan)
}

func (x *cycleRun[P, S]) keepsAll(plan asr.Plan) bool {
	return !slices.ContainsFunc(plan.Changes, func(c asr.Change) bool { return c.Keep == "" })
}

func (x *cycleRun[P, S]) left(r asr.Run) {
	x.t.Helper()
	if len(r.Left) != len(x.c.Left) {
		x.t.Errorf("%s: left behind %q, want %q", x.c.Name, r.Left, x.c.Left)
		return
	}
	for _, want := range x.c.Left {
		if !slices.ContainsFunc(r.Left, func(l string) bool { return strings.HasPrefix(l, want) }) {
			x.t.Errorf("%s: left behind %q, want %q", x.c.Name, r.Left, want)
		}
	}
}

// restored checks that it is as it was: the plan is the same again, but for
// what was left behind, and another client sees no difference.
func (x *cycleRun[P, S]) restored(plan asr.Plan) {
	x.t.Helper()
	r := x.drive(x.request(true))
	if r.Plan == nil {
		x.t.Fatalf("%s: after undo: no plan: %s %+v", x.c.Name, r.State, r.Error)
	}
	var want []string
	for _, c := range plan.Changes {
		if c.Keep == "" {
			want = append(want, c.String())
		}
	}
	if diff := cmp.Diff(want, changes(*r.Plan)); diff != "" {
		x.t.Errorf("%s: the plan after undo (-before +after)\n%s", x.c.Name, diff)
	}
	if x.c.Meanwhile == nil && len(x.c.Left) == 0 {
		x.unchanged("undo")
	}
	if _, err := x.h.Engine.Cancel(x.t.Context(), r.ID, Actor, "only a plan"); err != nil {
		x.t.Fatalf("%s: cancel: %v", x.c.Name, err)
	}
}

// foreign fixes again, lets somebody change it, and checks that undo refuses
// without force and goes on with it.
func (x *cycleRun[P, S]) foreign(plan asr.Plan) {
	x.t.Helper()
	if x.c.Foreign == nil || !x.undoable(plan) {
		return
	}
	ctx := x.t.Context()
	fixed := x.undisturbed()
	x.c.Foreign()
	if _, err := x.h.Engine.Revert(ctx, fixed.ID, Actor, false); err != nil {
		x.t.Fatalf("%s: undo of what somebody changed: %v", x.c.Name, err)
	}
	r := x.drive(fixed)
	if r.State != asr.StateVerified || r.Undo == nil || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeConflict || len(r.Undo.Refused.Foreign) == 0 {
		x.t.Fatalf("%s: undo of what somebody changed ended %s: %+v", x.c.Name, r.State, r.Undo)
	}
	if _, err := x.h.Engine.Revert(ctx, fixed.ID, Actor, true); err != nil {
		x.t.Fatalf("%s: forced undo: %v", x.c.Name, err)
	}
	if r = x.drive(fixed); r.State != asr.StateReverted || len(r.Undo.Overridden) == 0 {
		x.t.Errorf("%s: forced undo ended %s: %+v %+v", x.c.Name, r.State, r.Undo, r.Error)
	}
}

func (x *cycleRun[P, S]) request(planOnly bool) asr.Run {
	x.t.Helper()
	r, err := x.h.Request(x.t.Context(), x.c, planOnly)
	if err != nil {
		x.t.Fatalf("%s: request: %v", x.c.Name, err)
	}
	return r
}

func (x *cycleRun[P, S]) drive(r asr.Run) asr.Run {
	x.t.Helper()
	r, err := x.h.Drive(x.t.Context(), r.ID)
	if err != nil {
		x.t.Fatalf("%s: %v", x.c.Name, err)
	}
	return r
}

func snapshot(v any) string {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Stable checks on one state that wanting twice is wanting once, that Want
// leaves its argument alone, and that it touches only the given fields (the
// first steps of the changes' paths). Property tests call it on generated states.
func Stable[P, S any](t T, u remedy.Unit[P, S], on remedy.On[P], s S, fields ...string) {
	t.Helper()
	was := snapshot(s)
	once, err := u.Want(on, s)
	if err != nil {
		if asr.Classify(err) != asr.CodeRefused {
			t.Fatalf("want: %v", err)
		}
		return
	}
	if now := snapshot(s); now != was {
		t.Fatalf("Want changed its argument from %s to %s", was, now)
	}
	twice, err := u.Want(on, once)
	if err != nil {
		t.Fatalf("want again: %v", err)
	}
	if again, _ := asr.Diff(encode(once), encode(twice)); len(again) > 0 {
		t.Fatalf("wanting twice changes more: %v", again)
	}
	all, _ := asr.Diff(encode(s), encode(once))
	for _, c := range all {
		if len(fields) > 0 && (len(c.Path) == 0 || !slices.Contains(fields, c.Path[0])) {
			t.Fatalf("Want touches %s, not only %v", c.Field(), fields)
		}
	}
}

func encode(v any) json.RawMessage {
	b, _ := json.Marshal(v) // a state is JSON by contract; closed checks
	return b
}
