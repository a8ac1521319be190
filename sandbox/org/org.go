// Package org builds, in a running sandbox, an AWS organization full of
// misconfigurations, and plays the part of Security Hub's own checks: it looks
// at every resource and imports what passes and what fails.
//
// Its checks are a second opinion, written from what AWS documents of the
// controls: they may share no code with the remediations. It may call the
// sandbox only.
package org

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// The accounts and Regions of the organization.
const (
	hub  = sandbox.DefaultHub
	shop = "222222222222"
	data = "333333333333"
	lab  = "444444444444"

	virginia = "us-east-1"
	ireland  = "eu-west-1"
)

// Org is an organization in a sandbox. Its methods are safe for concurrent use.
type Org struct {
	Hub       string     // account id of Security Hub's administrator, which is the management account too
	Regions   []string   // the first is where findings are aggregated
	Accounts  []Account  // the hub first
	Resources []Resource // everything that is wrong at first, by account, Region and ARN

	s     *sandbox.Sandbox
	clock asr.Clock

	mu    sync.Mutex
	known map[string]*record // findings by id
}

// Account is a member of the organization.
type Account struct {
	ID, Name string
	OU       string // name of its organizational unit, directly below the root
}

// Resource is a thing, or a setting of an account, that is not as it should be.
type Resource struct {
	Account, Region string
	ARN             string // as findings name it: "AWS::::Account:ID" for a setting of an account
	Control         string // the control that fails for it; others may fail for it too
	What            string // what is wrong, in a few words
}

// Build makes the organization, once in a sandbox: four accounts in two
// Regions, Security Hub, the roles that asr needs, and about forty things that
// are wrong. Organizations knows the members by the ids here only if the
// emulator honours the tag that their creation carries; otherwise by ids of its
// own, under the same names. An *asr.Error if the sandbox's hub is not account
// 111111111111.
func Build(ctx context.Context, s *sandbox.Sandbox) (*Org, error) {
	o := &Org{
		Hub: hub, Regions: []string{virginia, ireland}, s: s, clock: time.Now, known: map[string]*record{},
		Accounts: []Account{{hub, "security", "Security"}, {shop, "shop-prod", "Prod"}, {data, "data-prod", "Prod"}, {lab, "lab", "Sandbox"}},
	}
	if err := expectHub(ctx, s); err != nil {
		return nil, err
	}
	organization, err := o.organize(ctx)
	if err != nil {
		return nil, fmt.Errorf("org: %w", err)
	}
	if err := each(o.Accounts, func(a Account) error { return o.admit(ctx, a.ID, organization) }); err != nil {
		return nil, fmt.Errorf("org: %w", err)
	}
	if err := o.seed(ctx); err != nil {
		return nil, fmt.Errorf("org: %w", err)
	}
	if err := o.reportGone(ctx); err != nil {
		return nil, fmt.Errorf("org: %w", err)
	}
	return o, nil
}

func expectHub(ctx context.Context, s *sandbox.Sandbox) error {
	who, err := sts.NewFromConfig(s.HubConfig(virginia)).GetCallerIdentity(ctx, nil)
	if err != nil {
		return fmt.Errorf("org: %w", err)
	}
	if got := aws.ToString(who.Account); got != hub {
		return &asr.Error{Code: asr.CodeBadInput, Message: "org: the sandbox's hub is account " + got, Do: "start the sandbox with the hub account " + hub}
	}
	return nil
}

// seed builds all sites at once and collects what is wrong with them.
func (o *Org) seed(ctx context.Context) error {
	var mu sync.Mutex
	err := each(o.places(), func(p place) error {
		b := &site{Config: o.s.Config(p.account, p.region), s: o.s, account: p.account, now: o.clock()}
		for _, step := range plans()[p] {
			if err := step(ctx, b); err != nil {
				return fmt.Errorf("account %s, %s: %w", p.account, p.region, err)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		o.Resources = append(o.Resources, b.faults...)
		return nil
	})
	slices.SortFunc(o.Resources, func(a, b Resource) int {
		return strings.Compare(strings.Join([]string{a.Account, a.Region, a.ARN, a.Control}, " "), strings.Join([]string{b.Account, b.Region, b.ARN, b.Control}, " "))
	})
	return err
}

// place is an account in one Region.
type place struct{ account, region string }

func (o *Org) places() []place {
	var all []place
	for _, a := range o.Accounts {
		for _, r := range o.Regions {
			all = append(all, place{a.ID, r})
		}
	}
	return all
}

// each does something for all items at once, and waits for all.
func each[T any](items []T, do func(T) error) error {
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = do(item) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
