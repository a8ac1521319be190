package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"example.com/asr"
)

const (
	setting    = "SELECT value FROM settings WHERE name = ?"
	putSetting = "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
	addCall    = "INSERT INTO calls (run, doc) VALUES (?, ?)"
)

// Setting implements asr.Settings.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	err = s.reads.row(ctx, setting, name).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("setting %s: %w", name, err)
	}
	return value, nil
}

// SetSetting implements asr.Settings.
func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	err := s.exec(ctx, putSetting, name, value)
	if err != nil {
		return fmt.Errorf("setting %s: %w", name, err)
	}
	return nil
}

// AddCall implements asr.Settings.
func (s *Store) AddCall(ctx context.Context, c asr.APICall) error {
	doc, err := encode(c)
	if err == nil {
		err = s.exec(ctx, addCall, c.Run, doc)
	}
	if err != nil {
		return fmt.Errorf("add a call: %w", err)
	}
	return nil
}

// Calls implements asr.Settings.
func (s *Store) Calls(ctx context.Context, run string) ([]asr.APICall, error) {
	all, err := list(ctx, s.read, document[asr.APICall]("call"), "SELECT pk, doc FROM calls WHERE run = ? ORDER BY pk", run)
	if err != nil {
		return nil, fmt.Errorf("calls: %w", err)
	}
	return all, nil
}
