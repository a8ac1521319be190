package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"example.com/asr"
)

var audits = []clause{
	{"a subject without records has the zero head", func(t *testing.T, s asr.Store) {
		head, err := s.Head(t.Context(), "r-1")
		noError(t, err)
		records, err := s.Records(t.Context(), "r-1")
		noError(t, err)
		if head != (asr.Chain{}) || len(records) != 0 {
			t.Errorf("head %v, %d records", head, len(records))
		}
	}},
	{"records come back in order and still follow each other", func(t *testing.T, s asr.Store) {
		want := chain("r-1", 12)
		commit(t, s, asr.Batch{Records: append(slices.Clone(want[:3]), chain("r-10", 1)...)})
		for _, r := range want[3:] {
			commit(t, s, asr.Batch{Records: []asr.Record{r}})
		}
		got, err := s.Records(t.Context(), "r-1")
		noError(t, err)
		equal(t, "records", got, want)
		var c asr.Chain
		for _, r := range got {
			if !c.Follows(r) || r.At.Location() != time.UTC {
				t.Fatalf("record %d was changed on its way", r.Seq)
			}
			c = asr.Chain{Seq: r.Seq, Hash: r.Hash}
		}
		if head, err := s.Head(t.Context(), "r-1"); err != nil || head != c {
			t.Errorf("head %v, %v; want %v", head, err, c)
		}
	}},
	{"details survive as values", func(t *testing.T, s asr.Store) {
		var c asr.Chain
		r := c.Append(asr.Record{Subject: "r-1", At: at(0), Event: "planned", Detail: json.RawMessage(`{ "b":1.10, "a":["<&>", 12345678901234567890, null]}`)})
		bare := c.Append(asr.Record{Subject: "r-1", At: at(1).Add(7), Event: "begun"})
		commit(t, s, asr.Batch{Records: []asr.Record{r, bare}})
		got, err := s.Records(t.Context(), "r-1")
		noError(t, err)
		equal(t, "records", got, []asr.Record{r, bare})
		if !(asr.Chain{}).Follows(got[0]) || !(asr.Chain{Seq: 1, Hash: r.Hash}).Follows(got[1]) {
			t.Error("the hashes no longer fit")
		}
	}},
	{"a record that doesn't follow is stale", func(t *testing.T, s asr.Store) {
		two, three := chain("r-1", 2), chain("r-1", 3)
		commit(t, s, asr.Batch{Records: two[:1]})
		for name, records := range map[string][]asr.Record{
			"again":        two[:1],
			"a gap":        three[2:],
			"out of order": {three[2], three[1]},
			"another past": {otherPast(two[1])},
		} {
			if err := s.Commit(t.Context(), &asr.Batch{Records: records}); !errors.Is(err, asr.ErrStale) {
				t.Errorf("%s: got %v, want stale", name, err)
			}
		}
		commit(t, s, asr.Batch{Records: two[1:]})
	}},
	{"heads come for all subjects, in order", func(t *testing.T, s asr.Store) {
		want := map[string]asr.Chain{}
		var subjects []string
		for i := range 30 {
			subject := fmt.Sprintf("%c-é/%d", 'a'+(i*7)%26, i)
			records := chain(subject, 1+i%3)
			commit(t, s, asr.Batch{Records: records})
			want[subject] = headOf(records)
			subjects = append(subjects, subject)
		}
		slices.Sort(subjects)
		var got []string
		noError(t, s.Heads(t.Context(), func(subject string, head asr.Chain) error {
			if head != want[subject] {
				t.Errorf("%s ends at %v, want %v", subject, head, want[subject])
			}
			got = append(got, subject)
			return nil
		}))
		sameOrder(t, "subjects", got, subjects)
	}},
	{"heads stop at an error", func(t *testing.T, s asr.Store) {
		commit(t, s, asr.Batch{Records: append(chain("a", 1), chain("b", 1)...)})
		stop, calls := errors.New("stop"), 0
		wantError(t, s.Heads(t.Context(), func(string, asr.Chain) error { calls++; return stop }), stop)
		if calls != 1 {
			t.Errorf("called %d times", calls)
		}
	}},
	{"checkpoints are kept in order, and only the next one is taken", func(t *testing.T, s asr.Store) {
		var want []asr.Checkpoint
		for seq := int64(1); seq <= 11; seq++ {
			c := asr.Checkpoint{Seq: seq, At: at(int(seq)), Subjects: 2, Records: 1 << 40, Root: "root", Prev: "prev", Signature: fmt.Sprint("s", seq)}
			for _, wrong := range []int64{seq - 1, seq + 1, 0, -1} {
				skipped := c
				skipped.Seq = wrong
				wantError(t, s.AddCheckpoint(t.Context(), skipped), asr.ErrStale)
			}
			noError(t, s.AddCheckpoint(t.Context(), c))
			want = append(want, c)
		}
		got, err := s.Checkpoints(t.Context())
		noError(t, err)
		equal(t, "checkpoints", got, want)
	}},
}

// otherPast is a record that is intact, but follows another one.
func otherPast(r asr.Record) asr.Record {
	c := asr.Chain{Seq: r.Seq - 1, Hash: "another"}
	return c.Append(r)
}
