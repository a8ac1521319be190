package remedytest

import "example.com/asr"

// looking drives a run that only looks once, and notes how many calls that takes.
func (x *cycleRun[P, S]) looking(planOnly bool) asr.Run {
	x.t.Helper()
	before := x.acct.uses()
	r := x.drive(x.request(planOnly))
	calls := 0
	for _, n := range since(before, x.acct.uses()) {
		calls += n
	}
	x.look = max(x.look, calls)
	return r
}

// since is what was used between.
func since(before, after map[string]int) map[string]int {
	used := map[string]int{}
	for action, n := range after {
		if n -= before[action]; n > 0 {
			used[action] = n
		}
	}
	return used
}

// thrifty checks that a run that nothing disturbs makes no more calls than it
// needs: it looks to plan, before the first write, after each write, and twice
// to verify; and it writes, for which some look once more.
func (x *cycleRun[P, S]) thrifty(r asr.Run, used map[string]int) {
	x.t.Helper()
	reads, writes := 0, 0
	for action, n := range used {
		if x.writes(action) {
			writes += n
		} else {
			reads += n
		}
	}
	if most := x.look * (4 + 2*r.Writes); reads > most {
		x.t.Errorf("%s: a run of %d writing steps made %d reads and %d writes: to look takes %d, so %d reads should do: %v", x.c.Name, r.Writes, reads, writes, x.look, most, used)
	}
}
