package dynamo

import (
	"slices"
	"strings"
	"testing"

	"example.com/asr"
)

// written are the kinds of items that a batch writes. The batch is stored.
func written(t *testing.T, s *Store, b asr.Batch) (kinds []string) {
	t.Helper()
	c := &commit{s: s, Batch: &b, now: s.now(), docs: map[key]*document{}}
	if err := c.look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.pack(); err != nil {
		t.Fatal(err)
	}
	if err := c.build(); err != nil {
		t.Fatal(err)
	}
	for _, w := range c.writes {
		var k item
		switch {
		case w.Put != nil:
			k = w.Put.Item
		case w.Update != nil:
			k = w.Update.Key
		default:
			k = w.Delete.Key
		}
		kind, _, _ := strings.Cut(k.text(attrPK), "/")
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	keep(t, s, b)
	return kinds
}

// What docs/dev/dynamo.md reckons the costs with.
func TestABatchIsAsFewWritesAsItCanBe(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	r, f := aRun("r-1"), []asr.Finding{aFinding("f-1")}
	r.Findings, r.Locks = []string{"f-1"}, []string{"arn:aws:s3:::r-1"}
	rec := func(event string) []asr.Record {
		return []asr.Record{r.Chain.Append(asr.Record{Subject: r.ID, At: noon, Event: event})}
	}
	for _, step := range []struct {
		name string
		b    func() asr.Batch
		want string
	}{
		{"a new finding", func() asr.Batch { return asr.Batch{Findings: f} }, "counts counts finding"},
		{"its provider tells of it again", func() asr.Batch { f[0].UpdatedAt = noon.Add(day); return asr.Batch{Findings: f} }, "finding"},
		{"a run begins on it", func() asr.Batch {
			f[0].Outcome = asr.OutcomeRunning
			return asr.Batch{Run: &r, Findings: f, Records: rec("claimed")}
		}, "audit claim counts finding followed heads run"},
		{"a step", func() asr.Batch { return asr.Batch{Run: &r, Records: rec("planned")} }, "audit heads run"},
		{"a step that takes the lock", func() asr.Batch {
			r.State = asr.StateApplying
			return asr.Batch{Run: &r, Locks: asr.LockTake, Records: rec("begun")}
		}, "audit heads lock run"},
		{"a step that goes on with it", func() asr.Batch { return asr.Batch{Run: &r, Locks: asr.LockTake} }, "run"},
		{"the end", func() asr.Batch {
			r.State, f[0].Outcome = asr.StateVerified, asr.OutcomeFixed
			return asr.Batch{Run: &r, Findings: f, Records: rec("verified"), Messages: []asr.Message{{ID: "r-1/m", DueAt: noon}}}
		}, "audit claim claim counts finding heads lock message run"},
	} {
		if got := strings.Join(written(t, s, step.b()), " "); got != step.want {
			t.Errorf("%s: %s; want %s", step.name, got, step.want)
		}
	}
}
