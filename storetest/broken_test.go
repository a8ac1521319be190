package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
)

// broken is a store with one mistake.
type broken struct {
	asr.Store
	commit      func(context.Context, *asr.Batch) error
	run         func(*asr.Run)
	lease       func(worker, id *string, now *time.Time, ttl *time.Duration)
	release     func(id, worker *string)
	runs        func(*asr.RunQuery)
	findings    func(*asr.FindingQuery)
	page        func(context.Context, asr.FindingQuery) ([]asr.Finding, string, error)
	rejected    func(*asr.Rejected)
	counts      func(*asr.Counts)
	checkpoint  func(error) error
	messages    func([]asr.Message)
	postpone    func(*asr.Message)
	calls       func([]asr.APICall)
	headsSorted func([]string)
}

func (s broken) Commit(ctx context.Context, b *asr.Batch) error {
	if s.commit != nil {
		return s.commit(ctx, b)
	}
	return s.Store.Commit(ctx, b)
}

func (s broken) Run(ctx context.Context, id string) (asr.Run, error) {
	r, err := s.Store.Run(ctx, id)
	if s.run != nil && err == nil {
		s.run(&r)
	}
	return r, err
}

func (s broken) Lease(ctx context.Context, worker, id string, now time.Time, ttl time.Duration) (string, error) {
	if s.lease != nil {
		s.lease(&worker, &id, &now, &ttl)
	}
	return s.Store.Lease(ctx, worker, id, now, ttl)
}

func (s broken) Release(ctx context.Context, id, worker string) error {
	if s.release != nil {
		s.release(&id, &worker)
	}
	return s.Store.Release(ctx, id, worker)
}

func (s broken) Runs(ctx context.Context, q asr.RunQuery) ([]asr.Run, string, error) {
	if s.runs != nil {
		s.runs(&q)
	}
	return s.Store.Runs(ctx, q)
}

func (s broken) Findings(ctx context.Context, q asr.FindingQuery) ([]asr.Finding, string, error) {
	if s.page != nil {
		return s.page(ctx, q)
	}
	if s.findings != nil {
		s.findings(&q)
	}
	return s.Store.Findings(ctx, q)
}

func (s broken) Counts(ctx context.Context) (asr.Counts, error) {
	c, err := s.Store.Counts(ctx)
	if s.counts != nil && err == nil {
		s.counts(&c)
	}
	return c, err
}

func (s broken) Reject(ctx context.Context, r asr.Rejected) error {
	if s.rejected != nil {
		s.rejected(&r)
	}
	return s.Store.Reject(ctx, r)
}

func (s broken) AddCheckpoint(ctx context.Context, c asr.Checkpoint) error {
	err := s.Store.AddCheckpoint(ctx, c)
	if s.checkpoint != nil {
		err = s.checkpoint(err)
	}
	return err
}

func (s broken) Messages(ctx context.Context, run string, now time.Time, limit int) ([]asr.Message, error) {
	all, err := s.Store.Messages(ctx, run, now, limit)
	if s.messages != nil {
		s.messages(all)
	}
	return all, err
}

func (s broken) Postpone(ctx context.Context, m asr.Message) error {
	if s.postpone != nil {
		s.postpone(&m)
	}
	return s.Store.Postpone(ctx, m)
}

func (s broken) Calls(ctx context.Context, run string) ([]asr.APICall, error) {
	all, err := s.Store.Calls(ctx, run)
	if s.calls != nil {
		s.calls(all)
	}
	return all, err
}

func (s broken) Heads(ctx context.Context, f func(string, asr.Chain) error) error {
	if s.headsSorted == nil {
		return s.Store.Heads(ctx, f)
	}
	heads := map[string]asr.Chain{}
	var subjects []string
	err := s.Store.Heads(ctx, func(subject string, head asr.Chain) error {
		heads[subject], subjects = head, append(subjects, subject)
		return nil
	})
	s.headsSorted(subjects)
	for _, subject := range subjects {
		if err == nil {
			err = f(subject, heads[subject])
		}
	}
	return err
}

// mistakes that the contract must find, each with a clause that does.
var mistakes = []struct {
	name   string
	breaks func(m *broken)
	found  string
}{
	{"the last one who saves wins", lastWins, "a run that somebody else saved meanwhile is stale"},
	{"claims don't count", onBatch(func(b *asr.Batch) { b.Run.Claim += b.Run.ID }), "an open run has its claim alone"},
	{"locks are never taken", onBatch(func(b *asr.Batch) { b.Locks = asr.LockKeep }), "locks are taken all or none"},
	{"locks are never let go", onBatch(neverRelease), "locks end with a release"},
	{"only the first lock is taken", onBatch(func(b *asr.Batch) { b.Run.Locks = b.Run.Locks[:min(1, len(b.Run.Locks))] }), "locks are taken all or none"},
	{"messages are stored whatever becomes of the batch", messagesFirst, "a batch of which a part"},
	{"findings are stored whatever becomes of the batch", findingsFirst, "a batch of which a part"},
	{"broken chains are taken", forgivesChains, "a record that doesn't follow is stale"},
	{"numbers are floats", func(m *broken) { m.run = floats }, "runs survive unchanged"},
	{"times are seconds", func(m *broken) { m.run = func(r *asr.Run) { r.NextAt = r.NextAt.Truncate(time.Second) } }, "runs survive unchanged"},
	{"times are local", func(m *broken) { m.run = func(r *asr.Run) { r.CreatedAt = r.CreatedAt.In(time.FixedZone("x", 3600)) } }, "times to the microsecond and in UTC"},
	{"a lease is for any run", func(m *broken) { m.lease = func(_, id *string, _ *time.Time, _ *time.Duration) { *id = "" } }, "only the run that is asked for"},
	{"a lease never ends", func(m *broken) { m.lease = func(_, _ *string, _ *time.Time, d *time.Duration) { *d *= 1000 } }, "an expired lease is given to another"},
	{"a lease ends at once", func(m *broken) { m.lease = func(_, _ *string, _ *time.Time, d *time.Duration) { *d = 0 } }, "two workers never have the same run"},
	{"runs are leased before their time", func(m *broken) {
		m.lease = func(_, _ *string, now *time.Time, _ *time.Duration) { *now = now.Add(time.Second) }
	}, "the run that is due longest"},
	{"anybody may release", func(m *broken) { m.release = func(_, worker *string) { *worker = "w" } }, "a lease survives saves"},
	{"control is no filter for runs", func(m *broken) { m.runs = func(q *asr.RunQuery) { q.Control = "" } }, "runs are found by each field"},
	{"only one state counts", func(m *broken) { m.runs = func(q *asr.RunQuery) { q.States = q.States[:min(1, len(q.States))] } }, "runs are found by each field"},
	{"region is no filter for findings", func(m *broken) { m.findings = func(q *asr.FindingQuery) { q.Region = "" } }, "findings are found by each field"},
	{"cursors are offsets", offsets, "pages of findings hold all"},
	{"the limit is 50", func(m *broken) {
		m.runs = func(q *asr.RunQuery) {
			if q.Limit == 0 {
				q.Limit = 50
			}
		}
	}, "a page has 100 unless told"},
	{"resource is no filter for runs", func(m *broken) { m.runs = func(q *asr.RunQuery) { q.Resource = "" } }, "runs are found by each field"},
	{"resource is no filter for findings", func(m *broken) { m.findings = func(q *asr.FindingQuery) { q.Resource = "" } }, "findings are found by each field"},
	{"a cursor of somebody else begins anew", func(m *broken) { m.page = forgivesCursors(m) }, "a cursor that isn't one of the list's"},
	{"a cursor is good for any query", func(m *broken) { m.page = cursorsForAll(m) }, "a cursor is for the query that it came from"},
	{"what was once there is counted as none", func(m *broken) { m.counts = countsNone }, "what there is no finding of any more"},
	{"one finding is counted that isn't there", func(m *broken) {
		m.counts = func(c *asr.Counts) { c.Add("111111111111", "S3.2", "LOW", asr.OutcomeOpen, 1) }
	}, "findings are counted by"},
	{"approvals never expire", onBatch(func(b *asr.Batch) { b.Run.ExpiresAt = time.Time{} }), "a run that waits for an approval is due"},
	{"what is rejected twice is kept twice", func(m *broken) { m.rejected = func(r *asr.Rejected) { r.ID += r.Reason } }, "what was rejected is kept once"},
	{"any checkpoint will do", func(m *broken) { m.checkpoint = func(error) error { return nil } }, "checkpoints are kept in order"},
	{"messages come in any order", func(m *broken) { m.messages = slices.Reverse[[]asr.Message] }, "messages come when they are due"},
	{"postponing forgets the tries", func(m *broken) { m.postpone = func(p *asr.Message) { p.Tries = 0 } }, "a postponed message keeps"},
	{"calls come in any order", func(m *broken) { m.calls = slices.Reverse[[]asr.APICall] }, "a run's calls come back in the order"},
	{"heads come in any order", func(m *broken) { m.headsSorted = slices.Reverse[[]string] }, "heads come for all subjects"},
}

func onBatch(change func(*asr.Batch)) func(*broken) {
	return func(m *broken) {
		m.commit = func(ctx context.Context, b *asr.Batch) error {
			if b.Run != nil {
				r := *b.Run
				c := *b
				c.Run = &r
				change(&c)
				err := m.Store.Commit(ctx, &c)
				b.Run.Version = r.Version
				return err
			}
			return m.Store.Commit(ctx, b)
		}
	}
}

func countsNone(c *asr.Counts) {
	if c.Outcomes != nil {
		c.Outcomes[asr.OutcomeOpen] += 0
	}
}

func forgivesCursors(m *broken) func(context.Context, asr.FindingQuery) ([]asr.Finding, string, error) {
	return func(ctx context.Context, q asr.FindingQuery) ([]asr.Finding, string, error) {
		found, next, err := m.Store.Findings(ctx, q)
		if err != nil {
			q.Cursor = ""
			return m.Store.Findings(ctx, q)
		}
		return found, next, err
	}
}

func cursorsForAll(m *broken) func(context.Context, asr.FindingQuery) ([]asr.Finding, string, error) {
	return func(ctx context.Context, q asr.FindingQuery) ([]asr.Finding, string, error) {
		found, next, err := m.Store.Findings(ctx, q)
		if asr.Classify(err) == asr.CodeBadInput && q.Account == "" {
			q.Account = "111111111111"
			return m.Store.Findings(ctx, q)
		}
		return found, next, err
	}
}

func neverRelease(b *asr.Batch) {
	if b.Locks == asr.LockRelease {
		b.Locks = asr.LockKeep
	}
}

func lastWins(m *broken) {
	m.commit = func(ctx context.Context, b *asr.Batch) error {
		if b.Run != nil {
			stored, _ := m.Store.Run(ctx, b.Run.ID)
			b.Run.Version = stored.Version
		}
		return m.Store.Commit(ctx, b)
	}
}

func messagesFirst(m *broken) {
	m.commit = func(ctx context.Context, b *asr.Batch) error {
		if err := m.Store.Commit(ctx, &asr.Batch{Messages: b.Messages}); err != nil {
			return err
		}
		return m.Store.Commit(ctx, b)
	}
}

func findingsFirst(m *broken) {
	m.commit = func(ctx context.Context, b *asr.Batch) error {
		first := asr.Batch{Findings: b.Findings}
		if err := m.Store.Commit(ctx, &first); err != nil {
			return err
		}
		rest := *b
		rest.Findings = nil
		return m.Store.Commit(ctx, &rest)
	}
}

func forgivesChains(m *broken) {
	m.commit = func(ctx context.Context, b *asr.Batch) error {
		err := m.Store.Commit(ctx, b)
		if errors.Is(err, asr.ErrStale) && b.Run == nil && len(b.Findings) == 0 {
			return nil
		}
		return err
	}
}

func floats(r *asr.Run) {
	var tree any
	_ = json.Unmarshal(r.Params, &tree)
	r.Params, _ = json.Marshal(tree)
}

func offsets(m *broken) {
	m.page = func(ctx context.Context, q asr.FindingQuery) ([]asr.Finding, string, error) {
		offset, _ := strconv.Atoi(q.Cursor)
		limit := q.Limit
		if limit == 0 {
			limit = 100
		}
		q.Cursor, q.Limit = "", 10000
		all, _, err := m.Store.Findings(ctx, q)
		all = all[min(offset, len(all)):]
		if len(all) <= limit {
			return all, "", err
		}
		return all[:limit], strconv.Itoa(offset + limit), err
	}
}

const mistakeVar = "STORETEST_MISTAKE"

// TestAStoreWithAMistakeFailsTheContract runs itself once for each mistake, to
// see the contract fail.
// covers: W14, A13, A18
func TestAStoreWithAMistakeFailsTheContract(t *testing.T) {
	for _, m := range mistakes {
		if os.Getenv(mistakeVar) == m.name {
			Test(t, func(*testing.T) asr.Store {
				s := broken{Store: memory.New()}
				m.breaks(&s)
				return s
			})
			return
		}
	}
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			clause := strings.ReplaceAll(m.found, " ", "_")
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestAStoreWithAMistakeFailsTheContract$/"+clause, "-test.timeout", "30s")
			cmd.Env = append(os.Environ(), mistakeVar+"="+m.name)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL") || !strings.Contains(string(out), clause) {
				t.Errorf("the contract is fulfilled (%v):\n%s", err, out)
			}
		})
	}
}
