package dynamo

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func aRun(id string) asr.Run {
	return asr.Run{
		ID: id, State: asr.StateClaimed, Claim: "claim of " + id, Control: "S3.2", Params: []byte("{}"), NextAt: noon, CreatedAt: noon,
		Target: asr.Target{Account: "111111111111", ID: "arn:aws:s3:::" + id}, Plan: &asr.Plan{Params: []byte("{}"), Before: []byte(`{"policy":"mellon"}`)},
	}
}

func aFinding(id string) asr.Finding {
	return asr.Finding{
		ID: id, Outcome: asr.OutcomeOpen,
		Provider: asr.Provider{Account: "111111111111", Control: "S3.2", Severity: "HIGH", UpdatedAt: noon, Resources: []asr.Resource{{ID: "arn:aws:s3:::b"}}},
	}
}

func keep(t *testing.T, s *Store, b asr.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
}

// items are all of the table's.
func items(t *testing.T, s *Store) (all []item) {
	t.Helper()
	p := dynamodb.NewScanPaginator(s.Client, &dynamodb.ScanInput{TableName: &s.Table})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range page.Items {
			all = append(all, it)
		}
	}
	return all
}

func TestStatesAndMessagesAreEncryptedInTheTable(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	r := aRun("r-1")
	r.Notes = []string{strings.Repeat("mellon ", 500)}
	keep(t, s, asr.Batch{Run: &r, Messages: []asr.Message{{ID: "r-1/m", Report: asr.Report{Note: "mellon"}}}})
	for _, it := range items(t, s) {
		for name, v := range it {
			if strings.Contains(fmt.Sprintf("%s", v), "mellon") || bytes.Contains(it.binary(name), []byte("mellon")) {
				t.Errorf("%v: %s can be read without the key", it.key(), name)
			}
		}
	}
	stranger := New(s.Config)
	stranger.Vault = keyOf(t, 2)
	if _, err := stranger.Run(t.Context(), "r-1"); asr.Classify(err) != asr.CodeBadInput || asr.Advice(err) == "" {
		t.Errorf("with another key: %v", err)
	}
}

func TestADocumentInAnothersPlaceIsNotRead(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	one, two := aRun("r-1"), aRun("r-2")
	keep(t, s, asr.Batch{Run: &one})
	keep(t, s, asr.Batch{Run: &two})
	it, err := s.get(t.Context(), runKey("r-1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &s.Table, Item: it.with(runKey("r-2").item())}); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Run(t.Context(), "r-2"); asr.Classify(err) != asr.CodeBadInput {
		t.Errorf("got %s, %v", r.ID, err)
	}
}

func TestNamesOfAnyLengthAreKept(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	for i, name := range []string{strings.Repeat("é/", 900), strings.Repeat("é/", 899) + "x", strings.Repeat("x", maxName+1)} {
		r, f := aRun("r-"+name), aFinding("f-"+name)
		r.Findings, r.Locks, r.Control = []string{f.ID}, []string{name}, name
		f.Control, f.Account, f.Outcome = name, name, asr.OutcomeRunning
		rec := r.Chain.Append(asr.Record{Subject: r.ID, At: noon, Event: "begun"})
		b := asr.Batch{Run: &r, Locks: asr.LockTake, Findings: []asr.Finding{f}, Records: []asr.Record{rec}, Messages: []asr.Message{{ID: name + "/m", DueAt: noon}}}
		keep(t, s, b)
		runs, _, err := s.Runs(t.Context(), asr.RunQuery{Finding: f.ID})
		if err != nil || len(runs) != 1 || runs[0].ID != r.ID {
			t.Errorf("%d: %d runs, %v", i, len(runs), err)
		}
		found, _, err := s.Findings(t.Context(), asr.FindingQuery{Control: name, Account: name})
		if err != nil || len(found) != 1 || found[0].ID != f.ID {
			t.Errorf("%d: %d findings, %v", i, len(found), err)
		}
		if id, err := s.Lease(t.Context(), "w", "", noon, time.Hour); err != nil || id != r.ID {
			t.Errorf("%d: leased %.20q, %v", i, id, err)
		}
		if m, err := s.Messages(t.Context(), name, noon, 0); err != nil && len(m) != 1 {
			t.Errorf("%d: %d messages, %v", i, len(m), err)
		}
		if c, err := s.Counts(t.Context()); err != nil || c.Controls[name] != 1 || c.Accounts[name] != 1 {
			t.Errorf("%d: %v, %v", i, c, err)
		}
		if err := s.Heads(t.Context(), func(subject string, head asr.Chain) error {
			if !strings.HasPrefix(subject, "r-") || len(subject) < maxName || head.Seq != 1 {
				t.Errorf("%d: the head of %q is %v", i, subject, head)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}

// covers: W15
func TestABatchThatNoTransactionTakesIsRefusedWhole(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	r := aRun("r-1")
	b := asr.Batch{Run: &r}
	for i := range 101 {
		b.Messages = append(b.Messages, asr.Message{ID: fmt.Sprint("r-1/", i), DueAt: noon})
	}
	err := s.Commit(t.Context(), &b)
	if asr.Classify(err) != asr.CodeInternal || asr.Advice(err) == "" || !strings.Contains(err.Error(), "a transaction of DynamoDB's takes 100") {
		t.Errorf("got %v (%s)", err, asr.Advice(err))
	}
	if all := items(t, s); len(all) > 0 || r.Version != 0 {
		t.Errorf("%d items were stored, version %d", len(all), r.Version)
	}
}

// The engine tells at most 25 findings in one batch.
func TestTheLargestEndOfARunFitsOneTransaction(t *testing.T) {
	t.Parallel()
	s := New(config(t))
	r := aRun("r-1")
	r.Locks = []string{"a", "b", "c"}
	keep(t, s, asr.Batch{Run: &r, Locks: asr.LockTake})
	b := asr.Batch{Run: &r}
	for i := range 25 {
		f := aFinding(fmt.Sprint("f-", i))
		f.Control = fmt.Sprint("S3.", i%3)
		b.Findings = append(b.Findings, f)
		b.Messages = append(b.Messages, asr.Message{ID: fmt.Sprint("r-1/", i), DueAt: noon})
	}
	keep(t, s, asr.Batch{Findings: b.Findings})
	for i := range b.Findings { // each changes what it counts as
		b.Findings[i].Outcome = asr.Outcomes[i%len(asr.Outcomes)]
	}
	r.State = asr.StateVerified
	b.Records = []asr.Record{r.Chain.Append(asr.Record{Subject: r.ID, At: noon, Event: "verified"})}
	keep(t, s, b)
	if due, err := s.Messages(t.Context(), "r-1", noon, 0); err != nil || len(due) != 25 {
		t.Errorf("%d messages, %v", len(due), err)
	}
}

// lossy loses the answers to the first n transactions: they are made, and the
// SDK hears nothing of it.
type lossy struct {
	next     aws.HTTPClient
	n, asked int
}

func (l *lossy) Do(r *http.Request) (*http.Response, error) {
	resp, err := l.next.Do(r)
	if err == nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".TransactWriteItems") {
		if l.asked++; l.asked <= l.n {
			_ = resp.Body.Close()
			return nil, errors.New("connection reset by peer")
		}
	}
	return resp, err
}

func TestATransactionWhoseAnswerGotLostIsMadeOnce(t *testing.T) {
	t.Parallel()
	c := config(t)
	cfg := hub(t)
	l := &lossy{next: cfg.HTTPClient, n: 1}
	cfg.HTTPClient, cfg.RetryMaxAttempts = l, 3
	c.Client = dynamodb.NewFromConfig(cfg)
	s := New(c)
	r := aRun("r-1")
	keep(t, s, asr.Batch{Run: &r, Findings: []asr.Finding{aFinding("f-1")}})
	if got, err := s.Run(t.Context(), "r-1"); err != nil || got.Version != 1 || r.Version != 1 || l.asked != 2 {
		t.Errorf("version %d, stored %d, %v; asked %d times", r.Version, got.Version, err, l.asked)
	}
	if n, err := s.Counts(t.Context()); err != nil || n.Outcomes[asr.OutcomeOpen] != 1 {
		t.Errorf("%v, %v", n, err)
	}
}

func TestATableThatIsNotThereIsExplained(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.Table = "another"
	s := New(c)
	r := aRun("r-1")
	_, err := s.Run(t.Context(), "r-1")
	for _, err := range []error{err, s.Commit(t.Context(), &asr.Batch{Run: &r}), s.SetSetting(t.Context(), "a", "b")} {
		if !strings.Contains(err.Error(), "the table another isn't there") || asr.Advice(err) == "" {
			t.Errorf("got %v (%s)", err, asr.Advice(err))
		}
	}
}

func cancelled(codes ...string) error {
	e := &types.TransactionCanceledException{}
	for _, code := range codes {
		e.CancellationReasons = append(e.CancellationReasons, types.CancellationReason{Code: aws.String(code), Message: aws.String("why"), Item: item{attrRun: text("r-9")}})
	}
	return e
}

func TestWhatCancelsATransactionIsUnderstood(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	writes := []write{{failed: stale}, {failed: func(old item) error { return &asr.ClaimedError{Run: old.text(attrRun)} }}}
	for name, row := range map[string]struct {
		err         error
		again, same bool
		want        string
	}{
		"nothing":                         {},
		"a condition":                     {err: cancelled("ConditionalCheckFailed", "None"), want: asr.ErrStale.Error()},
		"a condition that names somebody": {err: cancelled("None", "ConditionalCheckFailed"), want: "claimed by run r-9"},
		"two conditions":                  {err: cancelled("ConditionalCheckFailed", "ConditionalCheckFailed"), want: asr.ErrStale.Error()},
		"a condition and a conflict":      {err: cancelled("TransactionConflict", "ConditionalCheckFailed"), want: "claimed by run r-9"},
		"a conflict":                      {err: cancelled("None", "TransactionConflict"), again: true},
		"a full partition":                {err: cancelled("ThrottlingError", "None"), again: true},
		"a conflict and a mistake":        {err: cancelled("TransactionConflict", "ValidationError"), want: "write 2 of 2: ValidationError: why"},
		"no reason at all":                {err: cancelled("None", "None"), want: "TransactionCanceledException"},
		"the same transaction, under way": {err: &types.TransactionInProgressException{}, again: true, same: true},
		"a conflict of a single write":    {err: &types.TransactionConflictException{}, again: true},
		"the condition of a single write": {err: &types.ConditionalCheckFailedException{}, want: asr.ErrStale.Error()},
		"anything else":                   {err: broken, want: "broken"},
	} {
		again, same, err := judge(row.err, writes)
		if again != row.again || same != row.same || (err == nil) != (row.want == "") || err != nil && !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: again %v, same %v, %v; want %v, %v, %q", name, again, same, err, row.again, row.same, row.want)
		}
	}
}
