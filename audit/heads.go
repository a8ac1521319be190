package audit

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.com/asr"
)

// head is where a subject's chain ended when a checkpoint was made.
type head struct {
	subject string
	asr.Chain
	sum [sha256.Size]byte // of its line
}

func newHead(subject string, c asr.Chain) head {
	return head{subject: subject, Chain: c, sum: sha256.Sum256([]byte(line(subject, c)))}
}

func line(subject string, c asr.Chain) string {
	doc, _ := json.Marshal([]any{subject, c.Seq, c.Hash}) // always encodes
	return string(doc) + "\n"
}

func parseHead(text string) (h head, err error) {
	var c asr.Chain
	var subject string
	fields := []any{&subject, &c.Seq, &c.Hash}
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return h, err
	}
	if len(fields) != 3 || line(subject, c) != text+"\n" {
		return h, errors.New("not a head: " + text)
	}
	return newHead(subject, c), nil
}

// headList is sorted by subject, each of which it has once.
type headList []head

// root is SHA-256 over the SHA-256 of each head's line: a JSON array of
// subject, number of records and hash of the last one.
func (l headList) root() string {
	sum := sha256.New()
	for _, h := range l {
		sum.Write(h.sum[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (l headList) count() (subjects int, records int64) {
	for _, h := range l {
		records += h.Seq
	}
	return len(l), records
}

func bySubject(a, b head) int { return cmp.Compare(a.subject, b.subject) }

// with returns the list with some heads moved or added.
func (l headList) with(moved headList) headList {
	out := make(headList, 0, len(l)+len(moved))
	for len(l) > 0 && len(moved) > 0 {
		switch c := bySubject(l[0], moved[0]); {
		case c < 0:
			out, l = append(out, l[0]), l[1:]
		case c > 0:
			out, moved = append(out, moved[0]), moved[1:]
		default:
			l = l[1:]
		}
	}
	return append(append(out, l...), moved...)
}

// since lists the heads that moved or came since the list was; all is false if
// others are gone, which no list of moves can say.
func (l headList) since(was headList) (moved headList, all bool) {
	known := make(map[string]asr.Chain, len(was))
	for _, h := range was {
		known[h.subject] = h.Chain
	}
	for _, h := range l {
		if known[h.subject] != h.Chain {
			moved = append(moved, h)
		}
		delete(known, h.subject)
	}
	return moved, len(known) == 0
}

func collect(ctx context.Context, store asr.AuditStore) (l headList, err error) {
	err = store.Heads(ctx, func(subject string, c asr.Chain) error {
		l = append(l, newHead(subject, c))
		return nil
	})
	slices.SortFunc(l, bySubject)
	return l, err
}

// saved is how a checkpoint's heads are kept: those that differ from the heads
// of another checkpoint, in parts that any store can hold.
type saved struct {
	Base  string `json:"base,omitempty"` // the other's root; "": all heads are here
	Parts int    `json:"parts"`
	Size  int    `json:"size"` // heads to read for it, those of its bases included
}

const partSize = 256 << 10 // DynamoDB's items end at 400 KB

func setting(root string) string            { return "checkpoint-heads/" + root }
func partSetting(root string, n int) string { return fmt.Sprintf("%s/%d", setting(root), n) }

// saveHeads keeps heads under their root. They are saved before their
// checkpoint is, and whole again once reading them takes longer than that.
func saveHeads(ctx context.Context, store Store, base, root string, heads headList) error {
	moved, s := heads, saved{Size: len(heads)}
	if before, size, err := loadHeads(ctx, store, base); err == nil && base != "" {
		m, all := heads.since(before)
		if all && size+len(m) <= 2*len(heads) {
			moved, s = m, saved{Base: base, Size: size + len(m)}
		}
	} else if err != nil && !errors.Is(err, errBroken) {
		return err
	}
	for len(moved) > 0 {
		var part strings.Builder
		for len(moved) > 0 && part.Len() < partSize {
			part.WriteString(line(moved[0].subject, moved[0].Chain))
			moved = moved[1:]
		}
		if err := store.SetSetting(ctx, partSetting(root, s.Parts), part.String()); err != nil {
			return err
		}
		s.Parts++
	}
	doc, _ := json.Marshal(s) // always encodes
	return store.SetSetting(ctx, setting(root), string(doc))
}

// errBroken says that the saved heads are not those that the root is over.
var errBroken = errors.New("the list of its heads is missing or was changed")

// loadHeads returns the heads under a root, and how many had to be read.
func loadHeads(ctx context.Context, store Store, root string) (heads headList, size int, err error) {
	if root == "" {
		return nil, 0, nil
	}
	var moves []headList
	seen := map[string]bool{}
	for at := root; at != ""; {
		if seen[at] {
			return nil, 0, errBroken
		}
		seen[at] = true
		s, moved, err := loadMoved(ctx, store, at)
		if err != nil {
			return nil, 0, err
		}
		moves, at, size = append(moves, moved), s.Base, size+len(moved)
	}
	for _, moved := range slices.Backward(moves) {
		heads = heads.with(moved)
	}
	if heads.root() != root {
		return nil, 0, errBroken
	}
	return heads, size, nil
}

// loadMoved returns what is saved under a root itself. errBroken if it can't be read.
func loadMoved(ctx context.Context, store Store, root string) (s saved, moved headList, err error) {
	doc, err := store.Setting(ctx, setting(root))
	if err != nil {
		return s, nil, err
	}
	if json.Unmarshal([]byte(doc), &s) != nil {
		return s, nil, errBroken
	}
	for n := range s.Parts {
		part, err := store.Setting(ctx, partSetting(root, n))
		if err != nil {
			return s, nil, err
		}
		if part == "" {
			return s, nil, errBroken
		}
		for text := range strings.Lines(part) {
			h, err := parseHead(strings.TrimSuffix(text, "\n"))
			if err != nil || len(moved) > 0 && bySubject(moved[len(moved)-1], h) >= 0 {
				return s, nil, errBroken
			}
			moved = append(moved, h)
		}
	}
	return s, moved, nil
}
