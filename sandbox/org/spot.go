package org

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// spot is an account in one Region while it is looked at. Checks of one spot
// run one after the other.
type spot struct {
	aws.Config
	account string
	now     time.Time
	seen    map[string]any
}

// verdict is what a check says of one resource.
type verdict struct {
	ID     string // as Security Hub names it
	Passed bool
	Tags   tags // nil: it has none
}

// check looks at everything of one kind in an account and Region. It says
// nothing of what is not there.
type check func(context.Context, *spot) ([]verdict, error)

func (s *spot) arn(service, rest string) string {
	return "arn:aws:" + service + ":" + s.Region + ":" + s.account + ":" + rest
}

// older reports whether a time is more than so many days ago.
func (s *spot) older(t time.Time, days int) bool { return t.Before(s.now.AddDate(0, 0, -days)) }

// whole is the verdict on the account itself.
func (s *spot) whole(passed bool) []verdict {
	return []verdict{{ID: accountARN(s.account), Passed: passed}}
}

// recall reads once what several checks ask for.
func recall[T any](s *spot, what string, read func() (T, error)) (T, error) {
	if v, ok := s.seen[what]; ok {
		return v.(T), nil
	}
	v, err := read()
	if err == nil {
		s.seen[what] = v
	}
	return v, err
}

// pager is what all paginators of the SDK are; F is the client's options.
type pager[O, F any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*F)) (O, error)
}

// collect takes the items of all pages.
func collect[O, F, T any](ctx context.Context, p pager[O, F], items func(O) []T) ([]T, error) {
	var all []T
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

// judge makes a verdict of each item.
func judge[T any](items []T, one func(T) verdict) []verdict {
	all := make([]verdict, len(items))
	for i, item := range items {
		all[i] = one(item)
	}
	return all
}

// unless forgives the errors that mean "there is none".
func unless(err error, codes ...string) error {
	var api smithy.APIError
	if errors.As(err, &api) && slices.Contains(codes, api.ErrorCode()) {
		return nil
	}
	return err
}

// gather gives a service's tags our form.
func gather[T any](list []T, pair func(T) (key, value *string)) tags {
	if len(list) == 0 {
		return nil
	}
	all := tags{}
	for _, t := range list {
		k, v := pair(t)
		all[aws.ToString(k)] = aws.ToString(v)
	}
	return all
}
