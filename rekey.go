package asr

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Rekeyed is how far Engine.Rekey came.
type Rekeyed struct {
	Runs    int `json:"runs"`    // that were sealed anew
	Waiting int `json:"waiting"` // that are under way, and keep their seals until they have ended
}

// Rekey seals with the vault's primary key what runs hold sealed with others.
// The seals are part of a plan's hash, so it changes; an approval stays one of
// the same plan, and the run's chain says which hash became which. It may be cut
// off at any time and started again, while others drive runs.
func (e *Engine) Rekey(ctx context.Context) (done Rekeyed, err error) {
	keys, several := e.c.Vault.(KeyRing)
	if !several {
		return done, nil
	}
	for q := (RunQuery{}); ; {
		runs, next, err := e.c.Store.Runs(ctx, q)
		if err != nil {
			return done, err
		}
		for _, r := range runs {
			if err := e.rekey(ctx, keys, r, &done); err != nil {
				return done, fmt.Errorf("%s: %w", r.ID, err)
			}
		}
		if q.Cursor = next; next == "" {
			return done, nil
		}
	}
}

// rekey seals one run anew, unless it is under way: its intent has a token that
// is made of seals, and a repeated call must have the same.
func (e *Engine) rekey(ctx context.Context, keys KeyRing, r Run, done *Rekeyed) error {
	for {
		stale, err := r.reseal(keys)
		switch {
		case err != nil || !stale:
			return err
		case r.State.Begun():
			done.Waiting++
			return nil
		}
		b := e.batch(&r, system)
		b.record("rekeyed", "", r.rehash())
		switch err = e.c.Store.Commit(ctx, &b.Batch); {
		case err == nil:
			done.Runs++
			return nil
		case !errors.Is(err, ErrStale):
			return err
		}
		if r, err = e.c.Store.Run(ctx, r.ID); err != nil {
			return err
		}
	}
}

// reseal seals anew what another key than the primary sealed, and reports
// whether there was such a thing.
func (r *Run) reseal(keys KeyRing) (stale bool, err error) {
	doc, err := json.Marshal(r)
	if err != nil || !bytes.Contains(doc, []byte(secretKey)) {
		return false, err
	}
	doc, err = mapSecrets(doc, func(sealed string) (string, error) {
		if keys.Current(sealed) {
			return sealed, nil
		}
		stale = true
		plain, err := keys.Open(sealed)
		if err != nil {
			return "", err
		}
		return keys.Seal(plain)
	})
	if err != nil || !stale {
		return false, err
	}
	*r = Run{}
	return true, json.Unmarshal(doc, r)
}

// rehash gives the plan the hash of its new seals, and its approvals with it.
func (r *Run) rehash() (hashes map[string]string) {
	if r.Plan == nil {
		return nil
	}
	was := r.Plan.Hash
	r.Plan.Hash = r.Plan.hash()
	for i, a := range r.Approvals {
		if a.Hash == was {
			r.Approvals[i].Hash = r.Plan.Hash
		}
	}
	if r.Approval != nil && r.Approval.Hash == was {
		r.Approval.Hash = r.Plan.Hash
	}
	return map[string]string{"was": was, "hash": r.Plan.Hash}
}

// seal is one of the seals that the run's changes hold, "" if they hold none:
// all are of the same key.
func (r *Run) seal() (found string) {
	look := func(s string) (string, error) { found = s; return s, nil }
	var changes []Change
	if r.Plan != nil {
		changes = r.Plan.Changes
	}
	if r.Undo != nil {
		changes = append(changes[:len(changes):len(changes)], r.Undo.Changes...)
	}
	for _, c := range changes {
		for _, doc := range []json.RawMessage{c.From, c.To} {
			if bytes.Contains(doc, []byte(secretKey)) {
				_, _ = mapSecrets(doc, look) // they were encoded by diff
			}
		}
	}
	return found
}
