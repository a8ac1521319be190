package org

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"
)

// fresh is an organization that Security Hub has looked at once.
func fresh(t *testing.T) (*Org, Tally) {
	t.Helper()
	o := built(t)
	return o, evaluate(t, o)
}

func built(t *testing.T) *Org {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	o, err := Build(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func evaluate(t *testing.T, o *Org) Tally {
	t.Helper()
	tally, err := o.Evaluate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// reported are all findings, as the hub sees them, by id.
func reported(t *testing.T, o *Org) map[string]types.AwsSecurityFinding {
	t.Helper()
	all := map[string]types.AwsSecurityFinding{}
	p := securityhub.NewGetFindingsPaginator(securityhub.NewFromConfig(o.s.HubConfig(virginia)), &securityhub.GetFindingsInput{MaxResults: aws.Int32(100)})
	for p.HasMorePages() {
		page, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Findings {
			all[*f.Id] = f
		}
	}
	return all
}

// about are the findings of a control and a resource.
func about(all map[string]types.AwsSecurityFinding, control, resource string) []types.AwsSecurityFinding {
	var some []types.AwsSecurityFinding
	for _, f := range all {
		if *f.Compliance.SecurityControlId == control && *f.Resources[0].Id == resource {
			some = append(some, f)
		}
	}
	slices.SortFunc(some, func(a, b types.AwsSecurityFinding) int { return strings.Compare(*a.Id, *b.Id) })
	return some
}

func failed(f types.AwsSecurityFinding) bool {
	return f.Compliance.Status == types.ComplianceStatusFailed
}

const goneQueue = "arn:aws:sqs:us-east-1:222222222222:shop-price-import"

func TestAFreshOrganizationFailsWhereItWasBuiltWrong(t *testing.T) {
	t.Parallel()
	o, tally := fresh(t)
	all := reported(t, o)
	t.Run("every control fails for something", func(t *testing.T) {
		for _, c := range controls() {
			n := 0
			for _, f := range all {
				if *f.Compliance.SecurityControlId == c.id && failed(f) && *f.Resources[0].Id != goneQueue {
					n++
				}
			}
			if n == 0 {
				t.Errorf("%s fails for nothing", c.id)
			}
		}
	})
	t.Run("what was built wrong fails, and nothing else", func(t *testing.T) {
		wrong := map[string]bool{goneQueue: true}
		for _, r := range o.Resources {
			wrong[r.ARN] = true
			if !slices.ContainsFunc(about(all, r.Control, r.ARN), func(f types.AwsSecurityFinding) bool {
				return failed(f) && *f.AwsAccountId == r.Account && *f.Region == r.Region
			}) {
				t.Errorf("%s (%s) does not fail %s", r.ARN, r.What, r.Control)
			}
		}
		for _, f := range all {
			if failed(f) && !wrong[*f.Resources[0].Id] {
				t.Errorf("%s fails %s though it was built right", *f.Resources[0].Id, *f.Compliance.SecurityControlId)
			}
		}
	})
	t.Run("the numbers are always the same", func(t *testing.T) {
		want := Tally{Failed: 86, Passed: 147}
		if diff := cmp.Diff(want, tally); diff != "" {
			t.Errorf("first (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(want, evaluate(t, o)); diff != "" {
			t.Errorf("again (-want +got)\n%s", diff)
		}
		if len(o.Resources) < 40 || len(reported(t, o)) != want.Failed+want.Passed+1 {
			t.Errorf("%d resources, %d findings", len(o.Resources), len(all))
		}
	})
	t.Run("the emulator has all that is called", func(t *testing.T) {
		if missing := o.s.Missing(); len(missing) > 0 {
			t.Errorf("missing: %v", missing)
		}
	})
	special(t, o, all)
}

// special looks for the findings that a product must be able to cope with.
func special(t *testing.T, o *Org, all map[string]types.AwsSecurityFinding) {
	vpc := o.Resources[slices.IndexFunc(o.Resources, func(r Resource) bool { return r.Control == "EC2.6" && r.Region == ireland })].ARN
	for _, row := range []struct {
		name, control, resource string
		want                    []string // parts of the ids
		workflow                types.WorkflowStatus
	}{
		{"one of each standard", "EC2.6", vpc, []string{
			"subscription/aws-foundational-security-best-practices/v/1.0.0/EC2.6/finding/", "subscription/cis-aws-foundations-benchmark/v/1.2.0/2.9/finding/",
		}, "NEW"},
		{"a setting of the account, in both Regions", "IAM.7", accountARN(lab), []string{":eu-west-1:444444444444:security-control/IAM.7/", ":us-east-1:444444444444:security-control/IAM.7/"}, "NEW"},
		{"accepted by people", "S3.9", "arn:aws:s3:::shop-prod-access-logs", []string{"security-control/S3.9/"}, "SUPPRESSED"},
		{"without a remediation", "IAM.5", "arn:aws:iam::222222222222:user/jane.doe", []string{"security-control/IAM.5/"}, "NEW"},
		{"the resource is gone", "SQS.1", goneQueue, []string{"security-control/SQS.1/"}, "NEW"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := about(all, row.control, row.resource)
			if len(got) != len(row.want) {
				t.Fatalf("%d findings, want %d", len(got), len(row.want))
			}
			for i, f := range got {
				if !strings.Contains(*f.Id, row.want[i]) || !failed(f) || f.Workflow.Status != row.workflow {
					t.Errorf("got %s, %s, %s; want %s", *f.Id, f.Compliance.Status, f.Workflow.Status, row.want[i])
				}
			}
		})
	}
}

func TestOrganizationsKnowsUnitsAndAccounts(t *testing.T) {
	t.Parallel()
	o := built(t)
	api := organizations.NewFromConfig(o.s.HubConfig(virginia))
	roots, err := api.ListRoots(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	units, err := api.ListOrganizationalUnitsForParent(t.Context(), &organizations.ListOrganizationalUnitsForParentInput{ParentId: roots.Roots[0].Id})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range units.OrganizationalUnits {
		in, err := api.ListAccountsForParent(t.Context(), &organizations.ListAccountsForParentInput{ParentId: u.Id})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range in.Accounts {
			got[*a.Name] = *u.Name
		}
	}
	want := map[string]string{"master": "Security", "shop-prod": "Prod", "data-prod": "Prod", "lab": "Sandbox"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	t.Run("only the operator may assume the member roles", func(t *testing.T) { trusted(t, o) })
}

func trusted(t *testing.T, o *Org) {
	made, err := iam.NewFromConfig(o.s.Config(shop, virginia)).CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("jane.doe")})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.s.Enforce(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	stranger := o.s.HubConfig(virginia)
	stranger.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: *made.AccessKey.AccessKeyId, SecretAccessKey: *made.AccessKey.SecretAccessKey}, nil
	})
	for _, a := range o.Accounts {
		in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + a.ID + ":role/asr-member"), RoleSessionName: aws.String("run-1"), SourceIdentity: aws.String("ada")}
		if _, err := sts.NewFromConfig(o.s.HubConfig(ireland)).AssumeRole(t.Context(), in); err != nil {
			t.Errorf("the operator in %s: %v", a.Name, err)
		}
		if _, err := sts.NewFromConfig(stranger).AssumeRole(t.Context(), in); err == nil {
			t.Errorf("a stranger may assume the role in %s", a.Name)
		}
		r, err := iam.NewFromConfig(o.s.Config(a.ID, virginia)).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("asr-flow-logs")})
		if err != nil || *r.Role.Path != "/asr/" {
			t.Errorf("the flow logs' role in %s: %v (%v)", a.Name, r, err)
		}
	}
}

func TestAnotherHubIsRefused(t *testing.T) {
	t.Parallel()
	s, err := sandbox.Start(t.Context(), sandbox.Config{Hub: "999999999999"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	_, err = Build(t.Context(), s)
	var e *asr.Error
	if !errors.As(err, &e) || e.Code != asr.CodeBadInput || e.Do == "" {
		t.Errorf("got %v", err)
	}
}
