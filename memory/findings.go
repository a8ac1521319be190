package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"example.com/asr"
)

// Finding implements asr.FindingStore.
func (s *Store) Finding(_ context.Context, id string) (f asr.Finding, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.findings[id]
	if !ok {
		return f, asr.ErrNotFound
	}
	decode(d.json, &f)
	return f, nil
}

// Findings implements asr.FindingStore.
func (s *Store) Findings(_ context.Context, q asr.FindingQuery) ([]asr.Finding, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []asr.Finding
	for _, d := range s.findings {
		var f asr.Finding
		decode(d.json, &f)
		if (q.Account == "" || q.Account == f.Account) && (q.Region == "" || q.Region == f.Region) && (q.Control == "" || q.Control == f.Control) &&
			(q.Severity == "" || q.Severity == f.Severity) && (q.Resource == "" || q.Resource == f.Resource().ID) &&
			(len(q.Outcomes) == 0 || slices.Contains(q.Outcomes, f.Outcome)) {
			all = append(all, f)
		}
	}
	place := func(f asr.Finding) asr.Place { return asr.Place{At: f.UpdatedAt.UnixMicro(), ID: f.ID} }
	return page(s.signer, all, place, q.Scope(), q.Cursor, q.Limit)
}

// Counts implements asr.FindingStore.
func (s *Store) Counts(context.Context) (c asr.Counts, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.findings {
		var f asr.Finding
		decode(d.json, &f)
		c.Add(f.Account, f.Control, f.Severity, f.Outcome, 1)
	}
	return c, nil
}

// Reject implements asr.FindingStore.
func (s *Store) Reject(_ context.Context, r asr.Rejected) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.rejected[r.ID]; !known {
		s.rejected[r.ID] = r
	}
	return nil
}

// Rejected implements asr.FindingStore.
func (s *Store) Rejected(_ context.Context, limit int) ([]asr.Rejected, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.rejected), func(a, b asr.Rejected) int { return b.At.Compare(a.At) })
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}

func (s *Store) head(subject string) asr.Chain {
	records := s.records[subject]
	if len(records) == 0 {
		return asr.Chain{}
	}
	last := records[len(records)-1]
	return asr.Chain{Seq: last.Seq, Hash: last.Hash}
}

// Head implements asr.AuditStore.
func (s *Store) Head(_ context.Context, subject string) (asr.Chain, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head(subject), nil
}

// Records implements asr.AuditStore.
func (s *Store) Records(_ context.Context, subject string) ([]asr.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records[subject]), nil
}

// Heads implements asr.AuditStore.
func (s *Store) Heads(_ context.Context, f func(string, asr.Chain) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, subject := range slices.Sorted(maps.Keys(s.records)) {
		if err := f(subject, s.head(subject)); err != nil {
			return err
		}
	}
	return nil
}

// Checkpoints implements asr.AuditStore.
func (s *Store) Checkpoints(context.Context) ([]asr.Checkpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.checkpoints), nil
}

// AddCheckpoint implements asr.AuditStore.
func (s *Store) AddCheckpoint(_ context.Context, c asr.Checkpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Seq != int64(len(s.checkpoints))+1 {
		return asr.ErrStale
	}
	s.checkpoints = append(s.checkpoints, c)
	return nil
}

// Messages implements asr.Outbox.
func (s *Store) Messages(_ context.Context, run string, now time.Time, limit int) ([]asr.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.SortedFunc(maps.Values(s.messages), func(a, b asr.Message) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
	})
	all = slices.DeleteFunc(all, func(m asr.Message) bool { return m.DueAt.After(now) || run != "" && !strings.HasPrefix(m.ID, run+"/") })
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all, nil
}

// Delivered implements asr.Outbox.
func (s *Store) Delivered(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.messages, id)
	return nil
}

// Postpone implements asr.Outbox.
func (s *Store) Postpone(_ context.Context, m asr.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.messages[m.ID]; ok {
		s.messages[m.ID] = m
	}
	return nil
}

// Setting implements asr.Settings.
func (s *Store) Setting(_ context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings[name], nil
}

// SetSetting implements asr.Settings.
func (s *Store) SetSetting(_ context.Context, name, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings[name] = value
	return nil
}

// AddCall implements asr.Settings.
func (s *Store) AddCall(_ context.Context, c asr.APICall) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[c.Run] = append(s.calls[c.Run], c)
	return nil
}

// Calls implements asr.Settings.
func (s *Store) Calls(_ context.Context, run string) ([]asr.APICall, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls[run]), nil
}
