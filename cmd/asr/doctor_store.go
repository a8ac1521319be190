package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/asr"
)

// stored looks whether all that asr keeps can be read, and names what can't.
func stored(ctx context.Context, s asr.Store, account, region string) checked {
	c := checked{Account: account, Region: region, Name: "data", OK: true}
	runs, err := everyPage(func(cursor string) ([]asr.Run, string, error) {
		return s.Runs(ctx, asr.RunQuery{Cursor: cursor})
	})
	findings, ferr := everyPage(func(cursor string) ([]asr.Finding, string, error) {
		return s.Findings(ctx, asr.FindingQuery{Cursor: cursor})
	})
	_, rerr := s.Rejected(ctx, 0)
	err = errors.Join(err, ferr, rerr, s.Line(ctx, func(asr.Waiting) error { return nil }))
	c.Detail = fmt.Sprintf("%d runs and %d findings can be read", runs, findings)
	if err != nil {
		c.OK, c.Error = false, err.Error()
		c.Do = "restore what is named from a backup. A run that can't be read keeps its claim and its locks; asr audit verify tells what was changed besides"
	}
	return c
}

// everyPage counts what can be read of a list, and says what can't.
func everyPage[T any](page func(cursor string) ([]T, string, error)) (n int, err error) {
	for cursor := ""; ; {
		some, next, perr := page(cursor)
		err = errors.Join(err, perr)
		if n += len(some); next == "" || !asr.Partial(perr) {
			return n, err
		}
		cursor = next
	}
}
