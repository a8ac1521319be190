package org

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

// Tally counts what an evaluation reported.
type Tally struct {
	Failed, Passed int
	Archived       int // their resources are gone
}

// record is a finding as it was imported last.
type record struct {
	place
	types.AwsSecurityFinding
}

// Evaluate looks at everything anew and imports what it finds, as Security Hub
// does when it runs all its checks: the same finding for the same resource and
// control, updated now. A finding whose resource is gone since is archived. The
// first time, people suppress what they always suppress.
func (o *Org) Evaluate(ctx context.Context) (Tally, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	places, now := o.places(), o.clock()
	found := make([][]types.AwsSecurityFinding, len(places))
	index := make([]int, len(places))
	for i := range index {
		index[i] = i
	}
	err := each(index, func(i int) error {
		var err error
		found[i], err = o.look(ctx, places[i], now)
		return err
	})
	if err != nil {
		return Tally{}, fmt.Errorf("evaluate: %w", err)
	}
	tally := Tally{}
	var suppressed []types.AwsSecurityFindingIdentifier
	for i, p := range places {
		batch := append(o.settle(p, found[i], &suppressed), o.gone(p, found[i], now)...)
		for _, f := range batch {
			tally.count(f)
		}
		if err := o.report(ctx, p, batch); err != nil {
			return Tally{}, fmt.Errorf("evaluate: %w", err)
		}
	}
	if err := o.suppress(ctx, suppressed); err != nil {
		return Tally{}, fmt.Errorf("evaluate: %w", err)
	}
	return tally, nil
}

func (t *Tally) count(f types.AwsSecurityFinding) {
	switch {
	case f.RecordState == types.RecordStateArchived:
		t.Archived++
	case f.Compliance.Status == types.ComplianceStatusPassed:
		t.Passed++
	default:
		t.Failed++
	}
}

// look runs all checks of a place.
func (o *Org) look(ctx context.Context, p place, now time.Time) ([]types.AwsSecurityFinding, error) {
	s := &spot{Config: o.s.Config(p.account, p.region), account: p.account, now: now, seen: map[string]any{}}
	var all []types.AwsSecurityFinding
	for _, c := range controls() {
		if c.home && p.region != virginia || len(holding(p, c)) == 0 {
			continue
		}
		verdicts, err := c.check(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s in account %s, %s: %w", c.id, p.account, p.region, err)
		}
		for _, v := range verdicts {
			all = append(all, findings(p, c, v, now)...)
		}
	}
	return all, nil
}

// settle gives findings that are known the time they were first seen at,
// remembers all, and picks those of the new ones that people suppress.
func (o *Org) settle(p place, found []types.AwsSecurityFinding, suppressed *[]types.AwsSecurityFindingIdentifier) []types.AwsSecurityFinding {
	for i := range found {
		f := &found[i]
		if old := o.known[*f.Id]; old != nil {
			f.CreatedAt, f.FirstObservedAt = old.CreatedAt, old.FirstObservedAt
		} else if accepted(*f) {
			*suppressed = append(*suppressed, types.AwsSecurityFindingIdentifier{Id: f.Id, ProductArn: f.ProductArn})
		}
		o.known[*f.Id] = &record{p, *f}
	}
	return found
}

// accepted are risks that somebody decided to live with: log buckets don't log themselves.
func accepted(f types.AwsSecurityFinding) bool {
	return *f.Compliance.SecurityControlId == "S3.9" && strings.HasSuffix(*f.Resources[0].Id, "-access-logs")
}

// gone are the findings of a place whose resources are not there any more.
func (o *Org) gone(p place, found []types.AwsSecurityFinding, now time.Time) []types.AwsSecurityFinding {
	var all []types.AwsSecurityFinding
	for id, r := range o.known {
		if r.place != p || r.RecordState == types.RecordStateArchived || slices.ContainsFunc(found, func(f types.AwsSecurityFinding) bool { return *f.Id == id }) {
			continue
		}
		f := r.AwsSecurityFinding
		f.RecordState, f.UpdatedAt = types.RecordStateArchived, aws.String(now.UTC().Format("2006-01-02T15:04:05.000Z"))
		compliance := *f.Compliance
		compliance.Status, f.Compliance = types.ComplianceStatusNotAvailable, &compliance
		r.AwsSecurityFinding = f
		all = append(all, f)
	}
	return all
}

// report imports findings, a hundred at a time.
func (o *Org) report(ctx context.Context, p place, all []types.AwsSecurityFinding) error {
	for batch := range slices.Chunk(all, 100) {
		if err := importFindings(ctx, o.s.Config(p.account, p.region), batch); err != nil {
			return err
		}
	}
	return nil
}

// suppress does what the security team does with accepted risks.
func (o *Org) suppress(ctx context.Context, ids []types.AwsSecurityFindingIdentifier) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := securityhub.NewFromConfig(o.s.Config(hub, virginia)).BatchUpdateFindings(ctx, &securityhub.BatchUpdateFindingsInput{
		FindingIdentifiers: ids, Workflow: &types.WorkflowUpdate{Status: types.WorkflowStatusSuppressed},
		Note: &types.NoteUpdate{Text: aws.String("Accepted: a log bucket does not log itself."), UpdatedBy: aws.String("security-team")},
	})
	return err
}

// reportGone imports a finding of a queue that somebody deleted after Security
// Hub's last look, which Security Hub won't notice by itself.
func (o *Org) reportGone(ctx context.Context) error {
	p := place{shop, virginia}
	all := controls()
	c := all[slices.IndexFunc(all, func(c control) bool { return c.id == "SQS.1" })]
	return o.report(ctx, p, findings(p, c, verdict{ID: "arn:aws:sqs:" + virginia + ":" + shop + ":shop-price-import", Tags: prod}, o.clock().Add(-6*time.Hour)))
}
