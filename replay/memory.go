package replay

import (
	"context"

	"example.com/asr"
)

// Remember is the store, which it asks for the last run of a claim only if there
// was one: for most findings there was none. It knows the runs of now.
func Remember(ctx context.Context, s asr.Store) (asr.Store, error) {
	m := remembering{s, map[string]bool{}}
	q := asr.RunQuery{Limit: 1000}
	for {
		page, next, err := s.Runs(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			m.claims[r.Claim] = true
		}
		if q.Cursor = next; next == "" {
			return m, nil
		}
	}
}

type remembering struct {
	asr.Store
	claims map[string]bool
}

// LastRun implements asr.RunStore.
func (m remembering) LastRun(ctx context.Context, claim string) (asr.Run, error) {
	if !m.claims[claim] {
		return asr.Run{}, asr.ErrNotFound
	}
	return m.Store.LastRun(ctx, claim)
}
