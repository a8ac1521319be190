package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/dynamo/schema"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"pgregory.net/rapid"
)

// covers: W21
func TestTheMostSelectivePatternIsTaken(t *testing.T) {
	t.Parallel()
	claimed, failed := []asr.State{asr.StateClaimed}, []asr.State{asr.StateFailed}
	for want, queries := range map[string][]asr.RunQuery{
		"finding":  {{Finding: "f", Account: "a", States: claimed}},
		"resource": {{Resource: "r", Account: "a", States: claimed}},
		"account":  {{Account: "a"}, {Account: "a", Control: "c", States: failed}, {Account: "a", States: []asr.State{asr.StateClaimed, asr.StateFailed}}},
		"control":  {{Control: "c"}, {Control: "c", States: failed}},
		"state":    {{}, {States: failed}, {States: claimed, Account: "a", Control: "c"}},
	} {
		for _, q := range queries {
			if got := runPattern(q).by; got != want {
				t.Errorf("runs of %+v are found by %s, want %s", q, got, want)
			}
		}
	}
	running, open := []asr.Outcome{asr.OutcomeRunning}, []asr.Outcome{asr.OutcomeOpen}
	for want, queries := range map[string][]asr.FindingQuery{
		"resource": {{Resource: "r", Account: "a", Outcomes: running}},
		"account":  {{Account: "a", Region: "x"}, {Account: "a", Control: "c", Outcomes: open}},
		"control":  {{Control: "c"}, {Control: "c", Severity: "HIGH", Outcomes: open}},
		"outcome":  {{}, {Region: "x", Severity: "HIGH"}, {Outcomes: open}, {Outcomes: running, Account: "a"}},
	} {
		for _, q := range queries {
			if got := findingPattern(q).by; got != want {
				t.Errorf("findings of %+v are found by %s, want %s", q, got, want)
			}
		}
	}
}

// covers: A12
func TestAPageIsFilledThoughFewOfTheIndexsItemsAreMeant(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	for i := range 45 {
		r := aRun(fmt.Sprintf("r-%02d", i))
		r.CreatedAt = noon.Add(time.Duration(i) * time.Second)
		if r.State = asr.StateVerified; i%15 == 0 {
			r.State = asr.StateFailed
		}
		keep(t, s, asr.Batch{Run: &r})
	}
	q := asr.RunQuery{Account: "111111111111", States: []asr.State{asr.StateFailed, asr.StateFailed}, Limit: 2}
	var got []string
	for page := 0; page == 0 || q.Cursor != ""; page++ {
		runs, next, err := s.Runs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			got = append(got, r.ID)
		}
		q.Cursor = next
	}
	if want := []string{"r-30", "r-15", "r-00"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// An index follows the table by moments. What it says of an item that has moved
// on is no answer.
func TestWhatAnIndexSaysIsLookedUp(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	f := aFinding("f-1")
	keep(t, s, asr.Batch{Findings: []asr.Finding{f}})
	l := listing[asr.Finding]{
		open:    func(ctx context.Context, it item) (asr.Finding, error) { return s.openFinding(ctx, it.id(), it) },
		matches: func(f asr.Finding) bool { return f.Outcome == asr.OutcomeOpen },
	}
	now, before := findingAt(&f), placeOf(noon.UnixMicro()-1, "f-1")
	for name, row := range map[string]struct {
		e    entry
		want int
	}{
		"where it is":            {entry{findingKey("f-1"), now}, 1},
		"where it was":           {entry{findingKey("f-1"), before}, 0},
		"in no order":            {entry{findingKey("f-1"), ""}, 1},
		"what was deleted since": {entry{findingKey("f-2"), now}, 0},
		"of another kind":        {entry{runKey("r-1"), now}, 0},
	} {
		found, err := l.lookUp(t.Context(), s, []entry{row.e})
		if err != nil || len(found) != row.want {
			t.Errorf("%s: %d findings, %v", name, len(found), err)
		}
	}
	if found, err := l.lookUp(t.Context(), s, []entry{{findingKey("f-1"), now}, {findingKey("f-1"), before}}); err != nil || len(found) != 1 {
		t.Errorf("where it is and where it was: %d findings, %v", len(found), err)
	}
	l.matches = func(f asr.Finding) bool { return f.Outcome == asr.OutcomeFixed }
	if found, err := l.lookUp(t.Context(), s, []entry{{findingKey("f-1"), now}}); err != nil || len(found) != 0 {
		t.Errorf("another outcome: %d findings, %v", len(found), err)
	}
}

// An item whose index key was changed between two reads may be in both sources.
func TestAnItemThatTwoSourcesShowIsListedOnce(t *testing.T) {
	t.Parallel()
	a := item{attrPK: text("finding/f-1"), attrSK: text("finding"), "at": text(placeOf(2, "f-1"))}
	b := item{attrPK: text("finding/f-0"), attrSK: text("finding"), "at": text(placeOf(1, "f-0"))}
	src := source{rang: schema.ByStatus.Range}
	m := merged{streams: []*stream{{source: src, items: []item{a, b}, ended: true}, {source: src, items: []item{a}, ended: true}}}
	first, err := m.some(t.Context(), 1)
	rest, rerr := m.some(t.Context(), 9)
	if all := append(first, rest...); err != nil || rerr != nil || len(all) != 2 || all[0].key != a.key() || all[1].key != b.key() {
		t.Errorf("got %v, %v, %v", all, err, rerr)
	}
}

func TestPlacesAreInTheOrderOfTimeAndThenOfIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at, id := rapid.Int64(), rapid.StringMatching(`[!-~é]{0,9}`)
		a, b, x, y := at.Draw(t, "a"), at.Draw(t, "b"), id.Draw(t, "x"), id.Draw(t, "y")
		p, q := placeOf(a, x), placeOf(b, y)
		if want := a < b || a == b && x < y; (p < q) != want {
			t.Fatalf("%q < %q is not %v", p, q, want)
		}
		if got := timeOf(p).UnixMicro(); got != a {
			t.Fatalf("%d became %d", a, got)
		}
		now := time.UnixMicro(b)
		if due := a <= b; (p < until(now)) != due {
			t.Fatalf("%q is due at %d: not %v", p, b, due)
		}
	})
}

// hashes are the partitions that items are written to, of the table and of each
// index, with how many of the items.
func hashes(t *testing.T, s *Store) map[string]map[string]int {
	t.Helper()
	n := map[string]map[string]int{"table": {}}
	for _, it := range items(t, s) {
		n["table"][it.text(attrPK)]++
		for _, i := range Schema.Indexes {
			if h := it.text(i.Hash); h != "" && (i.Range == "" || it.text(i.Range) != "") {
				if n[i.Name] == nil {
					n[i.Name] = map[string]int{}
				}
				n[i.Name][h]++
			}
		}
	}
	return n
}

// Everything here is of one account, one control and one state: the worst case.
// No partition may take more than its share.
// covers: O11
func TestNoPartitionTakesAll(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	const n = 60
	for i := range n {
		r, f := aRun(fmt.Sprint("r-", i)), aFinding(fmt.Sprint("f-", i))
		rec := r.Chain.Append(asr.Record{Subject: r.ID, At: noon, Event: "claimed"})
		keep(t, s, asr.Batch{Run: &r, Findings: []asr.Finding{f}, Records: []asr.Record{rec}, Messages: []asr.Message{{ID: r.ID + "/m", DueAt: noon}}})
	}
	// Runs are few: one partition takes all that one account's or control's runs
	// are created with, and those of a state have two.
	allowed := map[string]int{"run/111111111111": n, "run/S3.2": n, "run/claimed/0": n * 2 / 3, "run/claimed/1": n * 2 / 3, "finding/arn:aws:s3:::b": n}
	for where, partitions := range hashes(t, s) {
		for hash, got := range partitions {
			limit := n / 2
			if a, ok := allowed[hash]; ok && where != "table" {
				limit = a
			}
			if got > limit {
				t.Errorf("%s: %d items are in %s, at most %d may", where, got, hash, limit)
			}
		}
	}
}

func TestTheTableIsMadeAsTheSchemaSays(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	out, err := s.Client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &s.Table})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range out.Table.GlobalSecondaryIndexes {
		if i.Projection.ProjectionType != "KEYS_ONLY" {
			t.Errorf("%s projects %s", *i.IndexName, i.Projection.ProjectionType)
		}
	}
	ttl, err := s.Client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &s.Table})
	if err != nil || *ttl.TimeToLiveDescription.AttributeName != attrExpire || ttl.TimeToLiveDescription.TimeToLiveStatus != "ENABLED" {
		t.Errorf("%+v, %v", ttl, err)
	}
	if len(out.Table.GlobalSecondaryIndexes) != len(Schema.Indexes) || out.Table.BillingModeSummary.BillingMode != "PAY_PER_REQUEST" {
		t.Errorf("%+v", out.Table)
	}
	if Schema.Hash != attrPK || Schema.Range != attrSK {
		t.Errorf("the table's keys are %s and %s", Schema.Hash, Schema.Range)
	}
	names := Schema.Attributes()
	if slices.Sort(names); !slices.Equal(slices.Compact(slices.Clone(names)), names) || len(names) != len(out.Table.AttributeDefinitions) {
		t.Errorf("attributes %v", names)
	}
	if !strings.HasPrefix(schema.Ended, "large/") || strings.HasPrefix(schema.Open, schema.Ended) {
		t.Error("a lifecycle rule on what ended would delete what is open")
	}
}
