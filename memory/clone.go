package memory

import (
	"maps"
	"slices"
)

// Clone returns a store that holds the same and goes its own way, for tests that
// try all that may come next.
func (s *Store) Clone() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Store{
		runs: map[string]*run{}, claims: maps.Clone(s.claims), locks: maps.Clone(s.locks), findings: maps.Clone(s.findings),
		records: clipped(s.records), messages: maps.Clone(s.messages), rejected: maps.Clone(s.rejected), settings: maps.Clone(s.settings), ledgers: maps.Clone(s.ledgers),
		calls: clipped(s.calls), signer: s.signer, had: map[string]map[string]bool{}, checkpoints: slices.Clip(s.checkpoints),
	}
	for claim, ids := range s.had {
		c.had[claim] = maps.Clone(ids)
	}
	for id, r := range s.runs {
		kept := *r
		kept.everFollowedBy = maps.Clone(r.everFollowedBy)
		c.runs[id] = &kept
	}
	return c
}

// clipped shares lists that only grow, without their room to grow.
func clipped[T any](lists map[string][]T) map[string][]T {
	out := make(map[string][]T, len(lists))
	for k, l := range lists {
		out[k] = slices.Clip(l)
	}
	return out
}

// Held are the runs that hold each claim and each lock.
func (s *Store) Held() (claims, locks map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.claims), maps.Clone(s.locks)
}
