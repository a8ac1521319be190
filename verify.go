package asr

import (
	"context"
	"time"
)

// verify reads the resource afresh, twice, and compares with how it should be:
// reaching the goal is not enough, and that a call succeeded even less.
func (e *Engine) verify(ctx context.Context, b *batch, u Remediation) (Next, error) {
	r := b.Run
	now, err := u.Read(ctx, r.look())
	if err != nil {
		return e.trouble(ctx, b, err, StatePartly)
	}
	want, err := u.Want(r.on(), now)
	if err != nil {
		return e.trouble(ctx, b, err, StatePartly)
	}
	left, err := Diff(now, want)
	if err != nil {
		return e.fail(ctx, b, StatePartly, err)
	}
	if len(left) > 0 {
		return e.unverified(ctx, b, left, StatePartly)
	}
	return e.seen(ctx, b, u, StateVerified)
}

// verifyRevert reads twice that what was put back is as it was.
func (e *Engine) verifyRevert(ctx context.Context, b *batch, u Remediation) (Next, error) {
	r := b.Run
	now, err := u.Read(ctx, r.look())
	if err != nil {
		return e.trouble(ctx, b, err, StatePartly)
	}
	left, _, err := remaining(now, r.Undo.Changes)
	if err != nil {
		return e.fail(ctx, b, StatePartly, err)
	}
	if len(left) > 0 {
		return e.unverified(ctx, b, left, StatePartly)
	}
	return e.seen(ctx, b, u, StateReverted)
}

// seen counts a good read.
func (e *Engine) seen(ctx context.Context, b *batch, u Remediation, done State) (Next, error) {
	b.Run.Reads++
	if b.Run.Reads >= verifyReads {
		return e.finish(ctx, b, done)
	}
	b.wait(max(u.Spec.Settle, 10*time.Millisecond))
	return e.commit(ctx, b)
}

// unverified looks again later, since AWS may be slow to show a change, and
// gives up in the end.
func (e *Engine) unverified(ctx context.Context, b *batch, left []Change, end State) (Next, error) {
	r := b.Run
	r.Reads = 0
	r.Polls++
	if r.Tries++; r.Tries <= maxUnverified {
		b.wait(backoff(time.Second, r.Tries))
		return e.commit(ctx, b)
	}
	return e.fail(ctx, b, end, &Error{Code: CodeNotVerified, Message: "read back, it still differs: " + show(encode(describe(left))), Do: "somebody may be changing it back: see the account's CloudTrail, then plan again"})
}

func describe(changes []Change) []any {
	var out []any
	for _, c := range changes {
		out = append(out, c.String())
	}
	return out
}
