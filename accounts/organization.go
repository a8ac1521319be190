// Package accounts knows an organization's accounts: the organizational units
// that each is in and its tags, from AWS Organizations or from a file. It reads
// and decides nothing.
package accounts

import (
	"context"
	"fmt"
	"sync"
	"time"

	"example.com/asr"
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
	fresh = time.Hour   // how long an answer holds
	stuck = time.Minute // how long a refusal does
)

// Organization asks AWS Organizations and remembers the answers for an hour,
// refusals for a minute. It may be used by many at once. It implements
// asr.Accounts.
type Organization struct {
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
	return recall(o, o.accounts, id, func() (a asr.Account, err error) {
		if a.OUs, err = o.above(ctx, id); err == nil {
			a.Tags, err = o.tags(ctx, id)
		}
		if err == nil {
			return a, nil
		}
		return asr.Account{}, &asr.Error{
			Code: asr.CodeUnavailable, Message: "AWS Organizations doesn't tell of account " + id, Err: err,
			Do: "allow organizations:ListParents, DescribeOrganizationalUnit and ListTagsForResource, or name a file of accounts with --accounts",
		}
	})
}

// recall answers from memory, or finds out and remembers.
func recall[T any](o *Organization, memory map[string]remembered[T], id string, find func() (T, error)) (T, error) {
	if m, ok := memory[id]; ok && o.clock().Before(m.until) {
		return m.value, m.err
	}
	value, err := find()
	m := remembered[T]{value, err, o.clock().Add(fresh)}
	if err != nil {
		m.until = o.clock().Add(stuck)
	}
	memory[id] = m
	return value, err
}

// above are the ids and names of all that an account or a unit is in, the
// nearest first, the root last.
func (o *Organization) above(ctx context.Context, child string) ([]string, error) {
	return recall(o, o.units, child, func() ([]string, error) {
		out, err := o.api.ListParents(ctx, &organizations.ListParentsInput{ChildId: &child})
		if err != nil {
			return nil, err
		}
		if len(out.Parents) != 1 {
			return nil, fmt.Errorf("%s has %d parents", child, len(out.Parents))
		}
		id := aws.ToString(out.Parents[0].Id)
		if out.Parents[0].Type == types.ParentTypeRoot {
			return []string{id, "Root"}, nil
		}
		unit, err := o.api.DescribeOrganizationalUnit(ctx, &organizations.DescribeOrganizationalUnitInput{OrganizationalUnitId: &id})
		if err != nil {
			return nil, err
		}
		rest, err := o.above(ctx, id)
		if err != nil {
			return nil, err
		}
		return append([]string{id, aws.ToString(unit.OrganizationalUnit.Name)}, rest...), nil
	})
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
