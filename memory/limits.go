package memory

import (
	"context"
	"maps"
	"slices"

	"example.com/asr"
)

func (s *Store) checkLedgers(b *asr.Batch) error {
	for _, g := range b.Ledgers {
		if s.ledgers[g.Scope].version != g.Version {
			return asr.ErrStale
		}
	}
	return nil
}

// Ledgers implements asr.LimitStore.
func (s *Store) Ledgers(_ context.Context, scopes ...string) ([]asr.Ledger, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]asr.Ledger, len(scopes))
	for i, scope := range scopes {
		if d, ok := s.ledgers[scope]; ok {
			decode(d.json, &all[i])
		}
		all[i].Scope = scope
	}
	return all, nil
}

// AllLedgers implements asr.LimitStore.
func (s *Store) AllLedgers(ctx context.Context) ([]asr.Ledger, error) {
	s.mu.Lock()
	scopes := slices.Sorted(maps.Keys(s.ledgers))
	s.mu.Unlock()
	return s.Ledgers(ctx, scopes...)
}

// Line implements asr.LimitStore.
func (s *Store) Line(_ context.Context, f func(asr.Waiting) error) error {
	s.mu.Lock()
	var all []asr.Waiting
	for _, r := range s.runs {
		if r.Queued != nil {
			all = append(all, *r.Queued)
		}
	}
	s.mu.Unlock()
	for _, w := range all {
		if err := f(w); err != nil {
			return err
		}
	}
	return nil
}
