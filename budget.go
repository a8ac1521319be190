package asr

// Effort is how many AWS calls a run has made, and how many it takes at most
// while nothing comes in between: no plan that is stale, no call that has to be
// made again, no process that dies, no session that ends.
type Effort struct {
	Looks    int `json:"looks"`    // how often the unit has read its resource
	Reads    int `json:"reads"`    // calls, in those
	Writes   int `json:"writes"`   // calls, with those that a unit reads with before it writes
	Sessions int `json:"sessions"` // roles assumed
	Most     int `json:"most"`     // calls in all
}

// Calls is how many there were.
func (e Effort) Calls() int { return e.Reads + e.Writes + e.Sessions }

// Effort takes the run's calls, as the journal has them, together.
//
// A run looks once to plan (and once more if it is planned again for somebody),
// once before it writes, once after each write and twice to verify, and once more
// each time that AWS isn't done yet; undo looks likewise, without a plan. It needs
// a session to plan and one to write, and others where somebody else has a say.
func (r *Run) Effort(calls []APICall) Effort {
	e, own := Effort{Looks: r.Looks}, map[int]int{}
	for _, c := range calls {
		switch {
		case c.Action == AssumeRole:
			e.Sessions++
		case c.Look > 0:
			e.Reads++
			own[c.Look]++
		default:
			e.Writes++
		}
	}
	looks, sessions, most := r.Plans+r.Polls, r.Plans+1, 0
	if r.Approval != nil && !r.Approval.Requested {
		sessions++
	}
	if r.Writes > 0 {
		looks += 1 + r.Writes + verifyReads
	}
	if r.Undo != nil {
		looks += 1 + r.Undo.Writes + verifyReads
		sessions += 2
	}
	for _, n := range own {
		most = max(most, n)
	}
	e.Most = looks*most + e.Writes + sessions
	return e
}

// look reads how it is now. The journal says of each call which look it was for.
func (r *Run) look() On {
	r.Looks++
	on := r.on()
	on.Call.Look = r.Looks
	return on
}
