package cloudwatch

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"example.com/asr"
	trails "example.com/asr/catalog/cloudtrail"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// findTrail gives the target the home Region of a trail that can be watched,
// and its log group's name: the finding is the account's, but the filter must
// stand where the log group is. A trail that lives in the finding's Region is
// preferred; Security Hub judges each Region by its own.
func findTrail(ctx context.Context, cfg aws.Config, on remedy.On[event]) (asr.Target, error) {
	t := on.Target
	out, err := cloudtrail.NewFromConfig(cfg).DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		return t, err
	}
	slices.SortFunc(out.TrailList, func(a, b types.Trail) int {
		return cmp.Or(cmp.Compare(away(t, a), away(t, b)), cmp.Compare(aws.ToString(a.TrailARN), aws.ToString(b.TrailARN)))
	})
	why := []string{"no trail can be watched"}
	for _, trail := range out.TrailList {
		name, gap := logGroup(t, trail)
		if gap == "" {
			if gap, err = trails.Gap(ctx, cfg, trail); err != nil {
				return t, err
			}
		}
		if gap == "" {
			t.Region, t.Name = aws.ToString(trail.HomeRegion), name
			return t, nil
		}
		why = append(why, aws.ToString(trail.TrailARN)+": "+gap)
	}
	return t, asr.Refuse(strings.Join(why, "; "), "remediate CloudTrail.1, then CloudTrail.5, then plan again; of an organization's trail, in the account that owns it")
}

func away(t asr.Target, trail types.Trail) int {
	if aws.ToString(trail.HomeRegion) == t.Region {
		return 0
	}
	return 1
}

// logGroup is the name of the log group that a trail delivers to, or why there
// is none that we could watch.
func logGroup(t asr.Target, trail types.Trail) (name, gap string) {
	if owner := trails.Owner(trail); owner != t.Account {
		return "", "account " + owner + " owns it"
	}
	parts := strings.Split(aws.ToString(trail.CloudWatchLogsLogGroupArn), ":") // arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*
	switch {
	case len(parts) < 7 || parts[6] == "":
		return "", "it delivers to no log group"
	case parts[4] != t.Account:
		return "", "its log group is in account " + parts[4]
	case parts[3] != aws.ToString(trail.HomeRegion):
		return "", "its log group is in " + parts[3]
	}
	return parts[6], ""
}
