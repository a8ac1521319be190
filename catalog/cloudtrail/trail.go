package cloudtrail

import (
	"context"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// ofOrganizations is what CloudTrail checks when an organization's trail is updated:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-an-organizational-trail-prepare.html
func ofOrganizations() []asr.Grant {
	return []asr.Grant{
		asr.Allow("*", "organizations:ListAWSServiceAccessForOrganization"),
		asr.Allow("arn:{partition}:iam::{account}:role/aws-service-role/cloudtrail.amazonaws.com/AWSServiceRoleForCloudTrail", "iam:GetRole"),
	}
}

// resolveTrail finds the Region and the account where a finding's trail lives.
func resolveTrail[P any](ctx context.Context, cfg aws.Config, on remedy.On[P]) (asr.Target, error) {
	out, err := cloudtrail.NewFromConfig(cfg).DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return on.Target, err
	}
	return home(on.Target, out.TrailList)
}

// home gives a target the Region where its trail can be changed: a trail of all
// Regions shows in each of them, as a shadow.
func home(t asr.Target, trails []types.Trail) (asr.Target, error) {
	i := slices.IndexFunc(trails, func(tr types.Trail) bool { return aws.ToString(tr.TrailARN) == t.ID })
	if i < 0 {
		i = slices.IndexFunc(trails, func(tr types.Trail) bool { return aws.ToString(tr.Name) == t.Name })
	}
	if i < 0 {
		return t, asr.ErrGone
	}
	if owner := Owner(trails[i]); owner != t.Account {
		return t, asr.Refuse("the trail "+aws.ToString(trails[i].TrailARN)+" is the organization's, and account "+owner+" owns it", "remediate it in account "+owner)
	}
	t.Region = aws.ToString(trails[i].HomeRegion)
	t.ID = t.Expand(trail)
	return t, nil
}

// Owner is the account that a trail belongs to: for an organization's trail
// not that which sees it.
func Owner(t types.Trail) string {
	if parts := strings.Split(aws.ToString(t.TrailARN), ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// Gap says what a trail lacks to record all management events of all Regions,
// as in "it is stopped", or "". It may call cloudtrail:GetTrailStatus and
// cloudtrail:GetEventSelectors, in the trail's home Region.
func Gap(ctx context.Context, cfg aws.Config, t types.Trail) (string, error) {
	gap, err := scope(ctx, cfg, t)
	if gap != "" || err != nil {
		return gap, err
	}
	on, err := logging(ctx, cfg, t)
	if err == nil && !on {
		gap = "it is stopped"
	}
	return gap, err
}

func at(cfg aws.Config, t types.Trail) *cloudtrail.Client {
	return cloudtrail.NewFromConfig(cfg, func(o *cloudtrail.Options) { o.Region = aws.ToString(t.HomeRegion) })
}

func logging(ctx context.Context, cfg aws.Config, t types.Trail) (bool, error) {
	out, err := at(cfg, t).GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN})
	if err != nil {
		return false, remedy.Unless(err, "TrailNotFoundException")
	}
	return aws.ToBool(out.IsLogging), nil
}

// scope says what a trail would leave out if it were on.
func scope(ctx context.Context, cfg aws.Config, t types.Trail) (string, error) {
	if !aws.ToBool(t.IsMultiRegionTrail) {
		return "it covers one Region only", nil
	}
	out, err := at(cfg, t).GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: t.TrailARN})
	if err != nil {
		return "it is gone", remedy.Unless(err, "TrailNotFoundException")
	}
	if len(out.EventSelectors)+len(out.AdvancedEventSelectors) > 0 && !slices.ContainsFunc(out.EventSelectors, everything) && !slices.ContainsFunc(out.AdvancedEventSelectors, everythingToo) {
		return "it leaves out some of the management events", nil
	}
	return "", nil
}

// everything reports whether a selector takes all management events. A trail
// without any selector takes them too.
func everything(s types.EventSelector) bool {
	return aws.ToBool(s.IncludeManagementEvents) && s.ReadWriteType == types.ReadWriteTypeAll && len(s.ExcludeManagementEventSources) == 0
}

func everythingToo(s types.AdvancedEventSelector) bool {
	return len(s.FieldSelectors) == 1 && aws.ToString(s.FieldSelectors[0].Field) == "eventCategory" && slices.Equal(s.FieldSelectors[0].Equals, []string{"Management"})
}
