package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/securityhub"
	"example.com/asr/sqlite"
	"example.com/asr/vault"
)

// shelf is a new SQLite store in a folder of its own.
type shelf struct {
	*sqlite.Store
	vault *vault.Vault
	dir   string
}

func newShelf(ctx context.Context) (*shelf, error) {
	dir, err := os.MkdirTemp("", "asr-bench")
	if err != nil {
		return nil, err
	}
	s := &shelf{dir: dir}
	if s.vault, err = vault.Open(filepath.Join(dir, "asr.key"), os.Getenv); err == nil {
		s.Store, err = sqlite.Open(ctx, filepath.Join(dir, "asr.db"), s.vault, nil)
	}
	if err != nil {
		_ = os.RemoveAll(dir) // what is left is in the folder for such things
		return nil, err
	}
	return s, nil
}

func (s *shelf) drop() {
	_ = s.Close() // nobody needs it any more
	_ = os.RemoveAll(s.dir)
}

// How many findings are stored together: one page of an answer of Security Hub,
// and several.
const (
	onePage = 100
	bulk    = 500
)

// upserts measures how many findings are stored, new ones and known ones.
func upserts(ctx context.Context) ([]row, error) {
	book, err := playbook.Load()
	if err != nil {
		return nil, err
	}
	var rows []row
	for _, batch := range []struct {
		size  int
		least float64
	}{{bulk, 8000}, {onePage, 0}} {
		insert, update, err := upsert(ctx, newLoad(book, accounts), batch.size)
		if err != nil {
			return nil, err
		}
		in := fmt.Sprintf(", in batches of %d, per CPU-second", batch.size)
		rows = append(rows, row{what: "new findings stored" + in, unit: "/s", value: insert, least: batch.least}, row{what: "known findings stored" + in, unit: "/s", value: update, least: batch.least})
	}
	return rows, nil
}

func upsert(ctx context.Context, l load, size int) (insert, update float64, err error) {
	s, err := newShelf(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer s.drop()
	const count = 5000
	var fresh [][]asr.Finding
	for n := range rounds {
		fresh = append(fresh, l.findings(n*count, count))
	}
	var stored []asr.Finding
	insert, err = rate(count, func() error {
		stored, fresh = fresh[0], fresh[1:]
		return commit(ctx, s, stored, size)
	})
	if err != nil {
		return 0, 0, err
	}
	update, err = rate(count, func() error {
		for i := range stored {
			stored[i].UpdatedAt = stored[i].UpdatedAt.Add(time.Hour)
		}
		return commit(ctx, s, stored, size)
	})
	return insert, update, err
}

func commit(ctx context.Context, s asr.Store, findings []asr.Finding, batch int) error {
	for some := range slices.Chunk(findings, batch) {
		if err := s.Commit(ctx, &asr.Batch{Findings: some}); err != nil {
			return err
		}
	}
	return nil
}

// observations are those of a page.
func (l load) observations(from, count int) []asr.Observation {
	obs, _ := securityhub.Decode("bench", time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), l.page(from, count)) // intake says if one is rejected
	return obs
}

// findings are those of a page, as the engine would store them.
func (l load) findings(from, count int) (all []asr.Finding) {
	for _, o := range l.observations(from, count) {
		var f asr.Finding
		f.Observe(o)
		all = append(all, f)
	}
	return all
}
