package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

// UnitsAPI is what Units calls of AWS Organizations, under credentials of the
// management account or a delegated administrator.
type UnitsAPI interface {
	ListRoots(context.Context, *organizations.ListRootsInput, ...func(*organizations.Options)) (*organizations.ListRootsOutput, error)
	ListOrganizationalUnitsForParent(context.Context, *organizations.ListOrganizationalUnitsForParentInput, ...func(*organizations.Options)) (*organizations.ListOrganizationalUnitsForParentOutput, error)
	ListAccountsForParent(context.Context, *organizations.ListAccountsForParentInput, ...func(*organizations.Options)) (*organizations.ListAccountsForParentOutput, error)
}

// patience is how long an answer may take; what was found out until then is known
// the next time.
const patience = 15 * time.Second

// Units knows which accounts are in organizational units. It goes through the
// units of the whole organization and the accounts of those that are asked for,
// and remembers as Organization does. It may be used by many at once.
type Units struct {
	Shared Memory // nil: nobody else asks

	api   UnitsAPI
	clock asr.Clock

	mu      sync.Mutex // one question at a time: Organizations throttles early
	answers map[string]remembered[[]string]
	units   map[string]remembered[[]unit]   // in a unit or a root; the roots in ""
	own     map[string]remembered[[]string] // accounts right in a unit or a root
}

// unit is an organizational unit, or a root.
type unit struct{ id, name string }

// NewUnits returns Units.
func NewUnits(api UnitsAPI, clock asr.Clock) *Units {
	return &Units{api: api, clock: clock, answers: map[string]remembered[[]string]{}, units: map[string]remembered[[]unit]{}, own: map[string]remembered[[]string]{}}
}

// Below lists the accounts in all units, and roots, whose id or name one of the
// patterns matches, however deep. It is all of them or an error.
func (u *Units) Below(ctx context.Context, units []string) ([]string, error) {
	units = slices.Compact(slices.Sorted(slices.Values(units)))
	key := keyOf(units)
	u.mu.Lock()
	defer u.mu.Unlock()
	ids, _, err := recall(u.clock, u.answers, key, busy, func() ([]string, time.Time, error) {
		if ids, until, ok := u.told(ctx, key); ok {
			return ids, until, nil
		}
		s := search{u: u, wanted: units, until: u.clock().Add(fresh)}
		if err := s.all(ctx); err != nil {
			return nil, time.Time{}, refused("AWS Organizations doesn't tell which accounts are in units", "organizations:ListRoots, ListOrganizationalUnitsForParent and ListAccountsForParent", err)
		}
		slices.Sort(s.found)
		u.tell(ctx, key, s.found, s.until)
		return s.found, s.until, nil
	})
	return ids, err
}

// keyOf is the setting in which the answer for some units is shared.
func keyOf(units []string) string {
	text, _ := json.Marshal(units) // texts
	sum := sha256.Sum256(text)
	return "units/" + hex.EncodeToString(sum[:])
}

// search goes through an organization for the accounts of some units.
type search struct {
	u      *Units
	wanted []string
	found  []string
	until  time.Time // how long the oldest part of the answer holds
}

func (s *search) all(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	roots, err := part(s, s.u.units, "", func() ([]unit, error) { return s.u.roots(ctx) })
	for _, root := range roots {
		if err == nil {
			err = s.below(ctx, root, false)
		}
	}
	return err
}

// below adds a unit's accounts, if it is wanted or lies inside of one that is,
// and those of the units in it.
func (s *search) below(ctx context.Context, at unit, inside bool) error {
	inside = inside || slices.ContainsFunc(s.wanted, func(p string) bool { return asr.Glob(p, at.id) || asr.Glob(p, at.name) })
	if inside {
		ids, err := part(s, s.u.own, at.id, func() ([]string, error) { return s.u.accounts(ctx, at.id) })
		if err != nil {
			return err
		}
		s.found = append(s.found, ids...)
	}
	units, err := part(s, s.u.units, at.id, func() ([]unit, error) { return s.u.within(ctx, at.id) })
	for _, next := range units {
		if err == nil {
			err = s.below(ctx, next, inside)
		}
	}
	return err
}

// part is one list of the organization's. An error isn't remembered here: the
// answer's is.
func part[T any](s *search, memory map[string]remembered[[]T], id string, find func() ([]T, error)) ([]T, error) {
	m, ok := memory[id]
	if now := s.u.clock(); !ok || !now.Before(m.until) {
		value, err := find()
		if err != nil {
			return nil, err
		}
		m = remembered[[]T]{value: value, until: now.Add(fresh)}
		memory[id] = m
	}
	if m.until.Before(s.until) {
		s.until = m.until
	}
	return m.value, nil
}

func (u *Units) roots(ctx context.Context) (all []unit, err error) {
	pages := organizations.NewListRootsPaginator(u.api, &organizations.ListRootsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, r := range page.Roots {
			all = append(all, unit{aws.ToString(r.Id), "Root"})
		}
	}
	return all, nil
}

func (u *Units) within(ctx context.Context, parent string) (all []unit, err error) {
	pages := organizations.NewListOrganizationalUnitsForParentPaginator(u.api, &organizations.ListOrganizationalUnitsForParentInput{ParentId: &parent})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.OrganizationalUnits {
			all = append(all, unit{aws.ToString(o.Id), aws.ToString(o.Name)})
		}
	}
	return all, nil
}

func (u *Units) accounts(ctx context.Context, parent string) (ids []string, err error) {
	pages := organizations.NewListAccountsForParentPaginator(u.api, &organizations.ListAccountsForParentInput{ParentId: &parent})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.Accounts {
			ids = append(ids, aws.ToString(a.Id))
		}
	}
	return ids, nil
}

// keptUnits is an answer in a Memory.
type keptUnits struct {
	Accounts []string  `json:"accounts"`
	Until    time.Time `json:"until"` // it isn't used from then on
}

// told is what another process has found out, while it holds. What is no account
// id is no answer of ours: it would be a pattern, and show more than it should.
func (u *Units) told(ctx context.Context, key string) ([]string, time.Time, bool) {
	var k keptUnits
	ok := find(ctx, u.Shared, key, &k) && holds(k.Until, u.clock()) &&
		!slices.ContainsFunc(k.Accounts, func(id string) bool { return !twelve.MatchString(id) })
	return k.Accounts, k.Until, ok
}

// tell lets other processes know. If it fails they ask for themselves.
func (u *Units) tell(ctx context.Context, key string, ids []string, until time.Time) {
	share(ctx, u.Shared, key, keptUnits{ids, until})
}
