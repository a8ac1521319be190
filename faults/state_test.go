package faults

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// ids are what AWS makes up.
var ids = []*regexp.Regexp{
	regexp.MustCompile(`\b(sgr?|vpc|subnet|i|snap|vol|fl|eni|rtb|acl|igw|r)-[0-9a-v]{8,24}\b`),
	regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
	regexp.MustCompile(`A[KS]IA[0-9A-Z]{16}`),
	regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\dZ:+]*`),
	regexp.MustCompile(`\d{4}-\d\d-\d\d-\d\d-\d\d`),
	regexp.MustCompile(`(secret:[\w/-]+)-\w{6}\b`),
}

func nameless(text string) string {
	for i, re := range ids {
		to := "*"
		if i == 0 || i == len(ids)-1 {
			to = "$1-*"
		}
		text = re.ReplaceAllString(text, to)
	}
	return text
}

// state is what there is in the organization, without the ids that AWS makes
// up: each setting that a run looked after, and all that a run might have made
// a second one of.
func (w *world) state(t *testing.T) []string {
	t.Helper()
	var all []string
	units := map[string]asr.Remediation{}
	for _, u := range catalog.All(func(_ context.Context, s remedy.Session) (aws.Config, error) {
		return w.s.Config(s.Target.Account, s.Target.Region), nil
	}) {
		units[u.Spec.ID] = u
	}
	for _, r := range w.runs(t) {
		doc, err := units[r.Remediation].Read(t.Context(), asr.On{Target: r.Target, Params: r.Params})
		all = append(all, nameless(fmt.Sprintf("%s %s %s %v", r.Remediation, r.Target.ID, doc, err)))
	}
	for _, a := range w.org.Accounts {
		for _, region := range w.org.Regions {
			found, err := inventory(t.Context(), w.s.Config(a.ID, region))
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range found {
				all = append(all, nameless(a.ID+" "+region+" "+what))
			}
		}
	}
	slices.Sort(all)
	return all
}

// inventory lists what a place has of the kinds that remediations make.
func inventory(ctx context.Context, cfg aws.Config) (all []string, err error) {
	for _, f := range []func(context.Context, aws.Config) ([]string, error){records, alarms, machines, identities} {
		found, err := f(ctx, cfg)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func records(ctx context.Context, cfg aws.Config) (all []string, err error) {
	buckets, err := s3.NewFromConfig(cfg).ListBuckets(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, b := range buckets.Buckets {
		all = append(all, "bucket "+*b.Name)
	}
	trails, err := cloudtrail.NewFromConfig(cfg).DescribeTrails(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, x := range trails.TrailList {
		all = append(all, "trail "+*x.Name)
	}
	groups, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, g := range groups.LogGroups {
		all = append(all, "log group "+*g.LogGroupName)
	}
	return all, nil
}

func alarms(ctx context.Context, cfg aws.Config) (all []string, err error) {
	topics, err := sns.NewFromConfig(cfg).ListTopics(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, x := range topics.Topics {
		all = append(all, "topic "+*x.TopicArn)
	}
	found, err := cloudwatch.NewFromConfig(cfg).DescribeAlarms(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, a := range found.MetricAlarms {
		all = append(all, "alarm "+*a.AlarmName)
	}
	filters, err := cloudwatchlogs.NewFromConfig(cfg).DescribeMetricFilters(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, f := range filters.MetricFilters {
		all = append(all, "metric filter "+*f.FilterName)
	}
	return all, nil
}

func machines(ctx context.Context, cfg aws.Config) (all []string, err error) {
	logs, err := ec2.NewFromConfig(cfg).DescribeFlowLogs(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, l := range logs.FlowLogs {
		all = append(all, "flow log of "+*l.ResourceId)
	}
	snapshots, err := rds.NewFromConfig(cfg).DescribeDBSnapshots(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, s := range snapshots.DBSnapshots {
		all = append(all, fmt.Sprintf("database snapshot %s %v", *s.DBSnapshotIdentifier, aws.ToBool(s.Encrypted)))
	}
	keys, err := kms.NewFromConfig(cfg).ListKeys(ctx, nil)
	if err != nil {
		return nil, err
	}
	return append(all, fmt.Sprint(len(keys.Keys), " keys")), nil
}

func identities(ctx context.Context, cfg aws.Config) (all []string, err error) {
	api := iam.NewFromConfig(cfg)
	roles, err := api.ListRoles(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, r := range roles.Roles {
		all = append(all, "role "+*r.RoleName)
	}
	policies, err := api.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal})
	if err != nil {
		return nil, err
	}
	for _, p := range policies.Policies {
		all = append(all, "policy "+*p.PolicyName)
	}
	users, err := api.ListUsers(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, u := range users.Users {
		keys, err := api.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: u.UserName})
		if err != nil {
			return nil, err
		}
		all = append(all, fmt.Sprintf("user %s with %d keys", *u.UserName, len(keys.AccessKeyMetadata)))
	}
	return all, nil
}

// told are the findings' workflow statuses as Security Hub has them.
func (w *world) told(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	pages := securityhub.NewGetFindingsPaginator(securityhub.NewFromConfig(w.s.Config(w.org.Hub, w.org.Regions[0])), &securityhub.GetFindingsInput{MaxResults: aws.Int32(100)})
	for pages.HasMorePages() {
		p, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Findings {
			all[*f.Id] = string(f.Workflow.Status)
		}
	}
	return all
}
