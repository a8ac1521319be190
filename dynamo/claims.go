package dynamo

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"example.com/asr"
)

// putClaim moves the run's claim to what it is now: held while it is open, an
// entry among the claim's ended runs afterwards.
func (c *commit) putClaim(old item) {
	r := c.Run
	held, had := old[attrClaim]
	was := old.text(attrClaim)
	takes := r.State.Open() && (!had || was != r.Claim)
	if held != nil && (takes || !r.State.Open()) {
		c.write(c.s.remove(claimKey(was), mine(r.ID), lost("claim", was)))
	}
	if takes {
		it := claimKey(r.Claim).item().with(item{attrRun: text(r.ID)})
		c.write(c.s.put(it, mine(r.ID), func(old item) error { return &asr.ClaimedError{Run: old.text(attrRun)} }))
	}
	c.putEnded(old)
}

func (c *commit) putEnded(old item) {
	r := c.Run
	var now key
	if !r.State.Open() && r.State != asr.StateCancelled {
		now = endedKey(r)
		it := now.item().with(item{attrRun: text(r.ID)})
		if c.expiry > 0 {
			it[attrExpire] = number(c.expiry)
		}
		c.write(c.s.put(it, condition{}, nil))
	}
	if was := old.texts(attrEnded); len(was) == 2 && (key{was[0], was[1]}) != now {
		c.write(c.s.remove(key{was[0], was[1]}, condition{}, nil))
	}
}

// putLocks takes what the batch takes and the run hasn't yet, or lets go of all.
func (c *commit) putLocks(old item) {
	r := c.Run
	had, has := old.texts(attrHeld), heldAfter(c.Batch, old)
	for _, setting := range had {
		if !slices.Contains(has, setting) {
			c.write(c.s.remove(lockKey(setting), mine(r.ID), lost("lock", setting)))
		}
	}
	for _, setting := range has {
		if !slices.Contains(had, setting) {
			it := lockKey(setting).item().with(item{attrRun: text(r.ID)})
			c.write(c.s.put(it, mine(r.ID), func(old item) error { return &asr.LockedError{Run: old.text(attrRun)} }))
		}
	}
}

// heldAfter are the settings that the run has locked when the batch is stored.
func heldAfter(b *asr.Batch, old item) []string {
	if !b.Run.State.Open() || b.Locks == asr.LockRelease {
		return nil
	}
	held := old.texts(attrHeld)
	if b.Locks == asr.LockTake {
		for _, setting := range b.Run.Locks {
			if !slices.Contains(held, setting) {
				held = append(held, setting)
			}
		}
	}
	return held
}

// lost is what it means that somebody else has what the run held: no asr does that.
func lost(what, name string) func(item) error {
	return func(old item) error {
		return &asr.Error{
			Code: asr.CodeInternal, Message: "the " + what + " " + name + " has gone over to run " + old.text(attrRun) + " without a trace",
			Do: "see who changed the table besides asr, and restore it to the time before (point-in-time recovery)",
		}
	}
}

// putFollowers notes the findings that the run follows for the first time.
func (c *commit) putFollowers(old item) {
	r := c.Run
	for _, f := range r.Findings {
		if known(old, f) || c.noted(f) {
			continue
		}
		it := key{followersOf(f), runAt(r)}.item().with(item{attrRun: text(r.ID)})
		if c.s.Retention > 0 { // the run may be kept longer; see docs/dev/dynamo.md
			it[attrExpire] = number(c.now.Add(3 * c.s.Retention).Unix())
		}
		c.write(c.s.put(it, condition{}, nil))
	}
}

// noted reports whether the finding is in the run's list twice.
func (c *commit) noted(finding string) bool {
	k := key{followersOf(finding), runAt(c.Run)}
	return slices.ContainsFunc(c.writes, func(w write) bool { return w.Put != nil && item(w.Put.Item).key() == k })
}

// newFollowers are the digests of the findings that the run hasn't followed before.
func newFollowers(r *asr.Run, old item) (all [][]byte) {
	for _, f := range r.Findings {
		d := digest(f)
		if !known(old, f) && !slices.ContainsFunc(all, func(b []byte) bool { return bytes.Equal(b, d) }) {
			all = append(all, d)
		}
	}
	return all
}

func known(old item, finding string) bool {
	return slices.ContainsFunc(old.set(attrFollowed), func(b []byte) bool { return bytes.Equal(b, digest(finding)) })
}

func digest(finding string) []byte {
	sum := sha256.Sum256([]byte(finding))
	return sum[:8]
}
