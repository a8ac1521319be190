package remedytest

import "example.com/asr"

// undisturbed fixes, and checks that a run in which nothing comes in between
// makes no more calls than it needs. This process's sessions need none.
func (x *cycleRun[P, S]) undisturbed() asr.Run {
	x.t.Helper()
	r := x.drive(x.request(false))
	x.thrifty(r)
	return r
}

func (x *cycleRun[P, S]) thrifty(r asr.Run) {
	x.t.Helper()
	if e := r.Effort(x.acct.of(r.ID)); e.Calls() > e.Most-2 || e.Reads == 0 {
		x.t.Errorf("%s: a run that ended %s after %d writing steps made more calls than it needs, or looked without a call: %+v", x.c.Name, r.State, r.Writes, e)
	}
}

// calm fixes and undoes undisturbed where foreign doesn't.
func (x *cycleRun[P, S]) calm(plan asr.Plan) {
	x.t.Helper()
	switch {
	case x.c.Foreign != nil && x.undoable(plan):
	case x.undoable(plan):
		r := x.undisturbed()
		x.thrifty(x.revert(r))
	case x.c.Seed != nil && x.unit.Spec.Irreversible != "":
		x.c.Seed()
		x.undisturbed()
	}
}
