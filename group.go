package asr

import "context"

// BatchStore is a Store that stores several batches at once for less.
type BatchStore interface {
	Store
	// CommitAll stores all batches in their order, or none: an error is that of
	// Commit for the first that can't be stored.
	CommitAll(ctx context.Context, batches []*Batch) error
}

// atOnce is how many observations are stored at once: nobody else writes
// meanwhile.
const atOnce = 100

// group is what the first of the observations lead to, as far as none depends on
// what another of them stores; none if the store takes one batch at a time.
func (e *Engine) group(ctx context.Context, observations []Observation) (all []taken) {
	if _, ok := e.c.Store.(BatchStore); !ok || len(observations) == 1 {
		return nil
	}
	touched := map[string]bool{}
	for _, o := range observations[:min(atOnce, len(observations))] {
		t, err := e.observe(ctx, o)
		if err != nil {
			return all // it is met again as the first, and told of
		}
		for _, what := range t.touches {
			if touched[what] {
				return all
			}
		}
		for _, what := range t.touches {
			touched[what] = true
		}
		all = append(all, t)
	}
	return all
}

// storeAll commits what a group led to. An error is no failure: each is looked at
// again by itself.
func (e *Engine) storeAll(ctx context.Context, group []taken) error {
	var batches []*Batch
	for _, t := range group {
		if t.batch == nil {
			continue
		}
		if err := e.square(ctx, t.batch); err != nil {
			return err
		}
		batches = append(batches, t.batch)
	}
	if len(batches) == 0 {
		return nil
	}
	return e.c.Store.(BatchStore).CommitAll(ctx, batches)
}
