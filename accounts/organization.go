// Package accounts knows an organization's accounts: the organizational units
// that each is in and its tags, from AWS Organizations or from a file. It reads
// and decides nothing.
package accounts

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// API is what Organization calls of AWS Organizations, under credentials of the
// management account or a delegated administrator.
type API interface {
	ListParents(context.Context, *organizations.ListParentsInput, ...func(*organizations.Options)) (*organizations.ListParentsOutput, error)
	DescribeOrganizationalUnit(context.Context, *organizations.DescribeOrganizationalUnitInput, ...func(*organizations.Options)) (*organizations.DescribeOrganizationalUnitOutput, error)
	ListTagsForResource(context.Context, *organizations.ListTagsForResourceInput, ...func(*organizations.Options)) (*organizations.ListTagsForResourceOutput, error)
}

const (
	fresh = time.Hour       // how long an answer holds
	stuck = time.Minute     // how long a refusal does
	busy  = 5 * time.Second // how long it isn't asked of an account that it had no time for
)

// Organization asks AWS Organizations and remembers the answers for an hour,
// refusals for a minute; what Organizations had no time for it asks again soon.
// It may be used by many at once. It implements asr.Accounts.
type Organization struct {
	Shared Memory // nil: nobody else asks

	api   API
	clock asr.Clock

	mu       sync.Mutex // one question at a time: Organizations throttles early
	accounts map[string]remembered[asr.Account]
	units    map[string]remembered[[]string] // of an account or a unit: ids and names of what it is in
}

type remembered[T any] struct {
	value T
	err   error
	until time.Time
}

// New returns an Organization.
func New(api API, clock asr.Clock) *Organization {
	return &Organization{api: api, clock: clock, accounts: map[string]remembered[asr.Account]{}, units: map[string]remembered[[]string]{}}
}

// Account implements asr.Accounts. OUs and tags are had together or not at all.
func (o *Organization) Account(ctx context.Context, id string) (asr.Account, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, _, err := recall(o.clock, o.accounts, id, busy, func() (a asr.Account, until time.Time, err error) {
		if a, until, ok := o.told(ctx, id); ok {
			return a, until, nil
		}
		if a.OUs, until, err = o.above(ctx, id); err == nil {
			a.Tags, err = o.tags(ctx, id)
		}
		if err != nil {
			return asr.Account{}, until, refusal(id, err)
		}
		o.tell(ctx, id, a, until)
		return a, until, nil
	})
	return a, err
}

// refusal is why an account isn't known, and what to do about it.
func refusal(id string, err error) error {
	return refused("AWS Organizations doesn't tell of account "+id, "organizations:ListParents, DescribeOrganizationalUnit and ListTagsForResource; on one machine, a file of accounts (--accounts) does as well", err)
}

// refused is an answer that can't be had, and what to do about it.
func refused(what, allow string, err error) error {
	err = remedy.Judge(err)
	no := &asr.Error{
		Code: asr.Classify(err), Message: what, Err: err,
		Do: "work in the management account or in one that is a delegated administrator of any service, and allow " + allow,
	}
	switch no.Code {
	case asr.CodeThrottled, asr.CodeUnavailable:
		no.Do = "wait: it is asked again soon"
	case asr.CodeInternal:
		no.Code = asr.CodeAWS
	}
	return no
}

// recall answers from memory, or finds out and remembers, and says until when
// that holds. An error that asks for patience is remembered as long as wait says.
func recall[T any](clock asr.Clock, memory map[string]remembered[T], id string, wait time.Duration, find func() (T, time.Time, error)) (T, time.Time, error) {
	if m, ok := memory[id]; ok && clock().Before(m.until) {
		return m.value, m.until, m.err
	}
	value, until, err := find()
	switch code := asr.Classify(remedy.Judge(err)); {
	case err == nil:
	case code == asr.CodeThrottled, code == asr.CodeUnavailable, errors.Is(err, context.Canceled):
		until = clock().Add(wait)
	default:
		until = clock().Add(stuck)
	}
	memory[id] = remembered[T]{value, err, until}
	return value, until, err
}

// above are the ids and names of all that an account or a unit is in, the
// nearest first, the root last. They hold as long as the first of them that
// was asked for.
func (o *Organization) above(ctx context.Context, child string) ([]string, time.Time, error) {
	return recall(o.clock, o.units, child, 0, func() ([]string, time.Time, error) {
		until := o.clock().Add(fresh)
		id, name, top, err := o.parent(ctx, child)
		if err != nil || top {
			return []string{id, name}, until, err
		}
		rest, soonest, err := o.above(ctx, id)
		if soonest.Before(until) {
			until = soonest
		}
		return append([]string{id, name}, rest...), until, err
	})
}

// parent is what an account or a unit is in.
func (o *Organization) parent(ctx context.Context, child string) (id, name string, top bool, err error) {
	out, err := o.api.ListParents(ctx, &organizations.ListParentsInput{ChildId: &child})
	if err != nil {
		return "", "", false, err
	}
	if len(out.Parents) != 1 {
		return "", "", false, fmt.Errorf("%s has %d parents", child, len(out.Parents))
	}
	id = aws.ToString(out.Parents[0].Id)
	if out.Parents[0].Type == types.ParentTypeRoot {
		return id, "Root", true, nil
	}
	unit, err := o.api.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &id})
	if err != nil {
		return "", "", false, err
	}
	return id, aws.ToString(unit.OrganizationalUnit.Name), false, nil
}

func (o *Organization) tags(ctx context.Context, id string) (map[string]string, error) {
	tags := map[string]string{}
	pages := organizations.NewListTagsForResourcePaginator(o.api, &organizations.ListTagsForResourceInput{ResourceId: &id})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range page.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	return tags, nil
}
