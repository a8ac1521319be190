package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
	"example.com/asr/vault"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func key(t testing.TB) *vault.Vault {
	t.Helper()
	v, err := vault.New(make([]byte, vault.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// write adds n records to a subject's chain.
func write(t testing.TB, s asr.Store, subject string, n int) {
	t.Helper()
	c, err := s.Head(context.Background(), subject)
	if err != nil {
		t.Fatal(err)
	}
	var b asr.Batch
	for range n {
		b.Records = append(b.Records, c.Append(asr.Record{Subject: subject, At: noon, Event: "wrote"}))
	}
	if err := s.Commit(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
}

func checkpoint(t testing.TB, s Store) asr.Checkpoint {
	t.Helper()
	c, err := Checkpoint(context.Background(), s, key(t).Sign, noon.Add(1234567*time.Nanosecond))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func verified(t testing.TB, s Store) Report {
	t.Helper()
	r, err := Verify(context.Background(), s, key(t).Verify)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestACheckpointCountsWhatItCoversAndFollowsTheLast(t *testing.T) {
	t.Parallel()
	s := memory.New()
	if c := checkpoint(t, s); c != (asr.Checkpoint{}) {
		t.Fatalf("a checkpoint of nothing: %+v", c)
	}
	write(t, s, "r-1", 3)
	write(t, s, "finding/<é>", 2)
	first := checkpoint(t, s)
	if first.Seq != 1 || first.Subjects != 2 || first.Records != 5 || first.Prev != "" || !first.At.Equal(noon.Add(1235*time.Microsecond)) {
		t.Errorf("first: %+v", first)
	}
	if again := checkpoint(t, s); again != first {
		t.Errorf("nothing changed, but there is another: %+v", again)
	}
	write(t, s, "r-1", 1)
	second := checkpoint(t, s)
	if second.Seq != 2 || second.Records != 6 || second.Prev != first.Signature || second.Root == first.Root {
		t.Errorf("second: %+v", second)
	}
	write(t, s, "asr", 1)
	want := Report{Subjects: 3, Records: 7, Checkpoints: 2, Last: &second, Unsigned: 1, Problems: []Problem{}}
	if diff := cmp.Diff(want, verified(t, s)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

func TestAnEmptyLogIsIntact(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(Report{Problems: []Problem{}}, verified(t, memory.New())); diff != "" {
		t.Error(diff)
	}
}

func TestAnotherKeyProvesNothing(t *testing.T) {
	t.Parallel()
	s := memory.New()
	write(t, s, "r-1", 1)
	checkpoint(t, s)
	r, err := Verify(t.Context(), s, func([]byte, string) bool { return false })
	if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].What, "another key") {
		t.Errorf("got %+v, %v", r.Problems, err)
	}
}

// Whatever is written between checkpoints, the log is intact, and the lists of
// heads stay in proportion to it.
func TestALogThatNobodyTouchedIsIntact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s := counting{Store: memory.New(), bytes: new(int)}
		records := 0
		for range rapid.IntRange(1, 12).Draw(rt, "checkpoints") {
			for range rapid.IntRange(0, 6).Draw(rt, "writes") {
				n := rapid.IntRange(1, 3).Draw(rt, "records")
				write(t, s, fmt.Sprint("r-", rapid.IntRange(0, 9).Draw(rt, "subject")), n)
				records += n
			}
			checkpoint(t, s)
		}
		r := verified(t, s)
		if len(r.Problems) > 0 || r.Records != int64(records) || r.Unsigned != 0 {
			rt.Fatalf("report %+v", r)
		}
		if limit := 400 * (records + r.Checkpoints); *s.bytes > limit {
			rt.Fatalf("the lists take %d bytes for %d records in %d checkpoints", *s.bytes, records, r.Checkpoints)
		}
	})
}

type counting struct {
	asr.Store
	bytes *int
}

func (s counting) SetSetting(ctx context.Context, name, value string) error {
	*s.bytes += len(name) + len(value)
	return s.Store.SetSetting(ctx, name, value)
}

func TestLongListsAreKeptInParts(t *testing.T) {
	t.Parallel()
	s := memory.New()
	for i := range 40 {
		write(t, s, fmt.Sprintf("%02d%s", i, strings.Repeat("x", 20_000)), 1)
	}
	c := checkpoint(t, s)
	for n := range 4 {
		part, err := s.Setting(t.Context(), partSetting(c.Root, n))
		if err != nil || (part == "") != (n == 3) || len(part) > 400_000 {
			t.Errorf("part %d has %d bytes, %v", n, len(part), err)
		}
	}
	if r := verified(t, s); len(r.Problems) > 0 {
		t.Errorf("problems: %+v", r.Problems)
	}
}

func TestCheckpointsMadeAtOnceFollowEachOther(t *testing.T) {
	t.Parallel()
	s := memory.New()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 10 {
				write(t, s, fmt.Sprint("r-", i), 1)
				if _, err := Checkpoint(t.Context(), s, key(t).Sign, noon); err != nil && !errors.Is(err, asr.ErrStale) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	checkpoint(t, s)
	r := verified(t, s)
	if len(r.Problems) > 0 || r.Unsigned != 0 || r.Records != 40 || r.Checkpoints < 10 {
		t.Errorf("report %+v", r)
	}
}

type faulty struct {
	asr.Store
	err error
}

func (f faulty) Records(context.Context, string) ([]asr.Record, error) { return nil, f.err }

func TestAStoreThatFailsIsNotTakenForATamperedOne(t *testing.T) {
	t.Parallel()
	s := memory.New()
	write(t, s, "r-1", 1)
	down := errors.New("throttled")
	if r, err := Verify(t.Context(), faulty{s, down}, key(t).Verify); !errors.Is(err, down) || len(r.Problems) > 0 {
		t.Errorf("got %+v, %v", r.Problems, err)
	}
}

func TestHeadsThatMoveFindTheirPlace(t *testing.T) {
	t.Parallel()
	list := func(t *rapid.T, name string) (l headList) {
		for _, i := range rapid.SliceOfDistinct(rapid.IntRange(0, 9), rapid.ID[int]).Draw(t, name) {
			l = append(l, newHead(fmt.Sprint(i), asr.Chain{Seq: rapid.Int64Range(1, 3).Draw(t, "seq")}))
		}
		slices.SortFunc(l, bySubject)
		return l
	}
	rapid.Check(t, func(t *rapid.T) {
		was, now := list(t, "was"), list(t, "now")
		moved, all := now.since(was)
		gone := slices.ContainsFunc(was, func(h head) bool {
			_, there := slices.BinarySearchFunc(now, h, bySubject)
			return !there
		})
		if all == gone {
			t.Fatalf("from %v to %v: all is %v", was, now, all)
		}
		if all && !slices.Equal(was.with(moved), now) {
			t.Fatalf("%v with %v is %v, want %v", was, moved, was.with(moved), now)
		}
	})
}

func FuzzParseHead(f *testing.F) {
	for _, s := range []string{`["r-1",3,"abc"]`, `["\u003cé>",1,""]`, `["a",1]`, `[]`, `{}`, `["a",1,"b",2]`, `["a",1.0,"b"]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHead(text)
		if err == nil && line(h.subject, h.Chain) != text+"\n" {
			t.Errorf("%q is read as %+v", text, h)
		}
	})
}
