package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/memory"
	"pgregory.net/rapid"
)

// altered is a store whose chains somebody has changed behind asr's back.
type altered struct {
	Store
	chains map[string][]asr.Record
	heads  map[string]asr.Chain
}

func (a altered) Records(_ context.Context, subject string) ([]asr.Record, error) {
	return a.chains[subject], nil
}

func (a altered) Heads(ctx context.Context, f func(string, asr.Chain) error) error {
	return a.Store.Heads(ctx, func(subject string, c asr.Chain) error {
		if h, ok := a.heads[subject]; ok {
			c = h
		}
		return f(subject, c)
	})
}

// grown draws a log of a few chains, with checkpoints now and then, the last
// one at its end if sign says so.
func grown(t *rapid.T, sign bool) altered {
	s := memory.New()
	a := altered{s, map[string][]asr.Record{}, map[string]asr.Chain{}}
	subjects := []string{"r-1", "r-2", "finding/f"}
	for range rapid.IntRange(1, 3).Draw(t, "checkpoints") {
		for _, subject := range subjects {
			c, err := s.Head(context.Background(), subject)
			if err != nil {
				t.Fatal(err)
			}
			var b asr.Batch
			for range rapid.IntRange(1, 4).Draw(t, "records") {
				b.Records = append(b.Records, c.Append(asr.Record{
					Subject: subject, At: noon, Actor: asr.Actor{Kind: "person", Name: rapid.String().Draw(t, "name")}, Event: "wrote", Reason: rapid.SampledFrom([]string{"", "rule"}).Draw(t, "reason"),
					Detail: json.RawMessage(fmt.Sprintf(`{"n":%d,"why":"<é>"}`, rapid.Int().Draw(t, "n"))),
				}))
			}
			if err := s.Commit(context.Background(), &b); err != nil {
				t.Fatal(err)
			}
		}
		if sign {
			if _, err := Checkpoint(context.Background(), s, signer, noon); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, subject := range subjects {
		records, err := s.Records(context.Background(), subject)
		if err != nil {
			t.Fatal(err)
		}
		a.chains[subject] = slices.Clone(records)
	}
	return a
}

func signer(message []byte) string { return "k1." + fmt.Sprintf("%x", message) }

func proves(message []byte, signature string) bool { return signer(message) == signature }

// flip changes one byte of a record as it is stored.
func flip(t *rapid.T, r asr.Record) asr.Record {
	doc, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	at := rapid.IntRange(0, len(doc)-1).Draw(t, "byte")
	doc[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
	changed, err := asr.ParseRecord(doc)
	if err != nil || changed.Seq != r.Seq {
		return asr.Record{Seq: r.Seq} // as stores give what they can't read
	}
	return changed
}

// Whatever is done to the records of a chain is seen, and the record named where
// it was done.
func TestWhateverIsDoneToARecordIsSeenAndNamed(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(t *rapid.T, a altered, subject string, i int) (from, to int64){
		"a byte is flipped": func(t *rapid.T, a altered, s string, i int) (from, to int64) {
			a.chains[s][i] = flip(t, a.chains[s][i])
			return int64(i) + 1, int64(i) + 1
		},
		"it is removed": func(_ *rapid.T, a altered, s string, i int) (from, to int64) {
			a.chains[s] = slices.Delete(a.chains[s], i, i+1)
			return int64(i) + 1, int64(i) + 1
		},
		"the end is cut off": func(_ *rapid.T, a altered, s string, i int) (from, to int64) {
			n := int64(len(a.chains[s]))
			a.chains[s] = a.chains[s][:i]
			return int64(i) + 1, n
		},
		"the end is cut off, and the head put back": func(_ *rapid.T, a altered, s string, i int) (from, to int64) {
			n := int64(len(a.chains[s]))
			if a.chains[s] = a.chains[s][:i]; i > 0 {
				a.heads[s] = asr.Chain{Seq: int64(i), Hash: a.chains[s][i-1].Hash}
			}
			return int64(i) + 1, n
		},
		"it stands there twice": func(_ *rapid.T, a altered, s string, i int) (from, to int64) {
			a.chains[s] = slices.Insert(a.chains[s], i, a.chains[s][i])
			return int64(i) + 2, int64(i) + 2
		},
		"it changes places with the next": func(_ *rapid.T, a altered, s string, i int) (from, to int64) {
			if i+1 == len(a.chains[s]) {
				i--
			}
			if i < 0 { // it is the only one: then it is removed
				a.chains[s] = nil
				return 1, 1
			}
			a.chains[s][i], a.chains[s][i+1] = a.chains[s][i+1], a.chains[s][i]
			return int64(i) + 1, int64(i) + 1
		},
		"it comes from another chain": func(_ *rapid.T, a altered, s string, i int) (from, to int64) {
			other := map[string]string{"r-1": "r-2", "r-2": "finding/f", "finding/f": "r-1"}[s]
			stray := a.chains[other][min(i, len(a.chains[other])-1)]
			a.chains[s][i] = stray
			return stray.Seq, stray.Seq
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				a := grown(t, true)
				subject := rapid.SampledFrom([]string{"r-1", "r-2", "finding/f"}).Draw(t, "subject")
				from, to := alter(t, a, subject, rapid.IntRange(0, len(a.chains[subject])-1).Draw(t, "record"))
				r, err := Verify(context.Background(), a, proves)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range r.Problems {
					if p.Subject != subject {
						t.Fatalf("another chain is blamed: %+v", p)
					}
				}
				if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Seq >= from && p.Seq <= to }) {
					t.Fatalf("record %d of %s isn't named: %+v", from, subject, r.Problems)
				}
			})
		})
	}
}

func TestAFormerKeySignsNoLaterCheckpoint(t *testing.T) {
	t.Parallel()
	s := memory.New()
	signed := func(key string) {
		write(t, s, "r-1", 1)
		if _, err := Checkpoint(t.Context(), s, func(m []byte) string { return key + fmt.Sprintf("%x", m) }, noon); err != nil {
			t.Fatal(err)
		}
	}
	any := func([]byte, string) bool { return true }
	for _, key := range []string{"", "k1.", "k2.", "k2."} { // "": asr's first checkpoints
		signed(key)
	}
	r, err := Verify(t.Context(), s, any)
	if r.Expect("k2"); err != nil || len(r.Problems) > 0 {
		t.Fatalf("%+v %v", r.Problems, err)
	}
	if r.Expect("k3"); len(r.Problems) != 1 || r.Problems[0].Seq != 5 {
		t.Errorf("no checkpoint of the key in use: %+v", r.Problems)
	}
	signed("k1.")
	r, err = Verify(t.Context(), s, any)
	if err != nil || len(r.Problems) != 1 || r.Problems[0].Seq != 5 || !strings.Contains(r.Problems[0].What, "k1, which was changed for another by checkpoint 3") {
		t.Errorf("%+v %v", r.Problems, err)
	}
}

// A store that fails is told of once, whichever chain it failed at.
func TestAFailureStopsTheOtherChains(t *testing.T) {
	t.Parallel()
	s := memory.New()
	for i := range 50 {
		write(t, s, fmt.Sprint("r-", i), 1)
	}
	down := errors.New("throttled")
	if _, err := Verify(t.Context(), faulty{s, down}, proves); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
