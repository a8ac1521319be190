package audit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"example.com/asr"
)

// Report is what Verify found.
type Report struct {
	Subjects    int             `json:"subjects"`
	Records     int64           `json:"records"`
	Checkpoints int             `json:"checkpoints"`
	Last        *asr.Checkpoint `json:"last,omitempty"` // its signature, kept elsewhere, proves that none was taken away
	Unsigned    int64           `json:"unsigned"`       // records that no checkpoint covers yet
	Problems    []Problem       `json:"problems"`       // empty: the log is intact
}

// Problem is one thing that was tampered with.
type Problem struct {
	Subject string `json:"subject"` // a chain's, or "checkpoints"
	Seq     int64  `json:"seq"`     // the record or checkpoint; 0: the whole chain
	What    string `json:"what"`
	Do      string `json:"do"`
}

// checkpoints is the subject of problems with the checkpoints themselves.
const checkpoints = "checkpoints"

// mark is a record that a checkpoint saw at the end of a chain.
type mark struct {
	asr.Chain
	checkpoint int64
}

type verification struct {
	store  Store
	verify func(message []byte, signature string) bool
	marks  map[string][]mark // by subject, in the order of checkpoints
	former map[string]int64  // keys that were changed for others: the checkpoint that did
	Report
}

// Verify reads the whole log: every record must be intact and follow the one
// before, every checkpoint be signed and follow the one before, and every chain
// still hold what each checkpoint saw of it. The error is the store's; what is
// wrong with the log stands in the report. The log may be written to meanwhile.
func Verify(ctx context.Context, store Store, verify func(message []byte, signature string) bool) (Report, error) {
	v := verification{store: store, verify: verify, marks: map[string][]mark{}, former: map[string]int64{}, Report: Report{Problems: []Problem{}}}
	if err := v.checkpoints(ctx); err != nil {
		return v.Report, fmt.Errorf("verify checkpoints: %w", err)
	}
	heads, err := collect(ctx, store)
	if err != nil {
		return v.Report, fmt.Errorf("verify: %w", err)
	}
	if err := v.chains(ctx, heads); err != nil {
		return v.Report, err
	}
	v.gone()
	return v.Report, nil
}

// chains verifies all chains, several at a time, and reports in their order.
func (v *verification) chains(ctx context.Context, heads headList) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	parts := make([]verification, min(runtime.GOMAXPROCS(0), len(heads)))
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i := range parts {
		parts[i] = verification{store: v.store, marks: v.marks}
		wg.Go(func() {
			for some := range slices.Chunk(heads[i*len(heads)/len(parts):(i+1)*len(heads)/len(parts)], portion) {
				if errs[i] = parts[i].portion(ctx, some); errs[i] != nil {
					stop()
					return
				}
			}
		})
	}
	wg.Wait()
	for _, p := range parts {
		v.Subjects, v.Records, v.Unsigned = v.Subjects+p.Subjects, v.Records+p.Records, v.Unsigned+p.Unsigned
		v.Problems = append(v.Problems, p.Problems...)
	}
	for _, h := range heads {
		delete(v.marks, h.subject)
	}
	return first(errs)
}

// Many is what a store may have that reads many chains at once for less.
type Many interface {
	// RecordsOf returns the records of each subject from one to another, in order.
	RecordsOf(ctx context.Context, from, to string) (map[string][]asr.Record, error)
}

const portion = 200 // chains that are read at once

func (v *verification) portion(ctx context.Context, heads headList) error {
	many, ok := v.store.(Many)
	if !ok {
		for _, h := range heads {
			records, err := v.store.Records(ctx, h.subject)
			if err := v.chain(h, records, err); err != nil {
				return fmt.Errorf("verify %s: %w", h.subject, err)
			}
		}
		return nil
	}
	all, err := many.RecordsOf(ctx, heads[0].subject, heads[len(heads)-1].subject)
	if err != nil {
		return fmt.Errorf("verify %s and those after it: %w", heads[0].subject, err)
	}
	for _, h := range heads {
		_ = v.chain(h, all[h.subject], nil) // there is no error to hand on
	}
	return nil
}

// first is the error that stopped the others.
func first(errs []error) (first error) {
	for _, err := range errs {
		if err != nil && (first == nil || errors.Is(first, context.Canceled)) {
			first = err
		}
	}
	return first
}

func (v *verification) problem(subject string, seq int64, format string, args ...any) {
	do := "compare with a backup of the store and with CloudTrail to see what was hidden; find out who can write to the store"
	v.Problems = append(v.Problems, Problem{Subject: subject, Seq: seq, What: fmt.Sprintf(format, args...), Do: do})
}

// checkpoints verifies the checkpoints' chain and notes what each one saw.
func (v *verification) checkpoints(ctx context.Context) error {
	all, err := v.store.Checkpoints(ctx)
	if malformed(err) {
		v.problem(checkpoints, 0, "they can't be read: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	v.Checkpoints = len(all)
	var last asr.Checkpoint
	var heads headList
	for _, c := range all {
		if !v.checkpoint(c, last) {
			heads = nil
		} else if heads, err = v.saw(ctx, c, last.Root, heads); err != nil {
			return err
		}
		last = c
	}
	if len(all) > 0 {
		v.Last = &last
	}
	return nil
}

// checkpoint reports whether a checkpoint is intact and follows the last one.
func (v *verification) checkpoint(c, last asr.Checkpoint) bool {
	switch {
	case !v.verify(message(c), c.Signature):
		v.problem(checkpoints, c.Seq, "its signature is wrong: it was changed, or signed with another key")
		return false
	case v.former[keyOf(c)] > 0:
		v.problem(checkpoints, c.Seq, "it is signed with key %s, which was changed for another by checkpoint %d", keyOf(c), v.former[keyOf(c)])
		return false
	case c.Seq != last.Seq+1:
		v.problem(checkpoints, last.Seq+1, "it is missing: checkpoint %d comes next", c.Seq)
	case c.Prev != last.Signature:
		v.problem(checkpoints, c.Seq, "it follows another checkpoint than %d", last.Seq)
	}
	if keyOf(c) != keyOf(last) && last.Seq > 0 {
		v.former[keyOf(last)] = c.Seq
	}
	return true
}

// keyOf is the id of the key that signed a checkpoint, "none" if its signature
// has none: asr's first ones.
func keyOf(c asr.Checkpoint) string {
	if id, _, named := strings.Cut(c.Signature, "."); named {
		return id
	}
	return "none"
}

// Expect adds a problem if the last checkpoint is signed with another key than
// the one that is in use since it was changed for the last time. Whoever has the
// former key could otherwise take away all that came since, and sign anew.
func (r *Report) Expect(key string) {
	if r.Last == nil || keyOf(*r.Last) == key {
		return
	}
	v := verification{Report: *r}
	v.problem(checkpoints, r.Last.Seq+1, "no checkpoint is signed with key %s, which is in use: those since the key was changed were taken away, or asr keys rotate was cut off and asr keys rewrap has yet to end it", key)
	*r = v.Report
}

// saw notes what a checkpoint saw. lastHeads are those under lastRoot, if they
// are known: lists of moves are then applied, not read from the start again.
func (v *verification) saw(ctx context.Context, c asr.Checkpoint, lastRoot string, lastHeads headList) (headList, error) {
	s, moved, err := loadMoved(ctx, v.store, c.Root)
	var heads headList
	switch {
	case err == nil && s.Base == "":
		heads = moved
	case err == nil && s.Base == lastRoot && lastHeads != nil:
		heads = lastHeads.with(moved)
	case err == nil:
		heads, _, err = loadHeads(ctx, v.store, c.Root)
		moved = heads
	}
	if err != nil && !errors.Is(err, errBroken) {
		return nil, err
	}
	subjects, records := heads.count()
	if err != nil || heads.root() != c.Root || subjects != c.Subjects || records != c.Records {
		v.problem(checkpoints, c.Seq, "%v", errBroken)
		return nil, nil
	}
	for _, h := range moved {
		v.marks[h.subject] = append(v.marks[h.subject], mark{h.Chain, c.Seq})
	}
	return heads, nil
}

// chain verifies the records of a subject, and that they hold what checkpoints
// saw. err is what reading them failed with.
func (v *verification) chain(h head, records []asr.Record, err error) error {
	v.Subjects++
	if malformed(err) {
		v.problem(h.subject, 0, "its records can't be read: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	v.Records += int64(len(records))
	v.links(h.subject, records)
	if hash, _ := hashOf(records, h.Seq); hash != h.Hash {
		v.problem(h.subject, h.Seq, "the chain should end here, but its records don't: some were removed or replaced")
	}
	v.compare(h.subject, records)
	return nil
}

// hashOf is the hash of the record with a number, which nearly always is in its place.
func hashOf(records []asr.Record, seq int64) (hash string, there bool) {
	if seq >= 1 && seq <= int64(len(records)) && records[seq-1].Seq == seq {
		return records[seq-1].Hash, true
	}
	for _, r := range slices.Backward(records) {
		if r.Seq == seq {
			return r.Hash, true
		}
	}
	return "", false
}

// links verifies that each record follows the one before.
func (v *verification) links(subject string, records []asr.Record) {
	var c asr.Chain
	for _, r := range records {
		intact := asr.Chain{Seq: r.Seq - 1, Hash: r.Prev}.Follows(r)
		switch {
		case !intact:
			v.problem(subject, r.Seq, "the record was changed after it was written")
		case r.Subject != subject:
			v.problem(subject, r.Seq, "the record belongs to %s", r.Subject)
		case r.Seq != c.Seq+1:
			v.problem(subject, c.Seq+1, "the record is missing: %d comes after %d", r.Seq, c.Seq)
		case r.Prev != c.Hash:
			v.problem(subject, r.Seq, "the record follows another one than %d: one of them was replaced", c.Seq)
		}
		c = asr.Chain{Seq: r.Seq, Hash: r.Hash}
	}
}

// compare holds a chain against what checkpoints saw of it. The first
// difference is told, since all later ones follow from it.
func (v *verification) compare(subject string, records []asr.Record) {
	var seen int64
	for _, m := range v.marks[subject] {
		hash, there := hashOf(records, m.Seq)
		if !there {
			v.problem(subject, m.Seq, "the record is missing: checkpoint %d saw it at the end of the chain", m.checkpoint)
			return
		}
		if hash != m.Hash {
			v.problem(subject, m.Seq, "the record is another than checkpoint %d saw: the chain was written anew", m.checkpoint)
			return
		}
		seen = max(seen, m.Seq)
	}
	v.Unsigned += max(0, int64(len(records))-seen)
}

// gone tells of chains that checkpoints saw and that are no longer there.
func (v *verification) gone() {
	for _, subject := range slices.Sorted(maps.Keys(v.marks)) {
		marks := v.marks[subject]
		m := marks[len(marks)-1]
		v.problem(subject, 0, "the whole chain was removed: checkpoint %d saw it with %d records", m.checkpoint, m.Seq)
	}
}

// malformed reports whether a document in the store is none: that is
// tampering, while other errors are the store's.
func malformed(err error) bool { return errors.Is(err, asr.ErrCorrupt) }
