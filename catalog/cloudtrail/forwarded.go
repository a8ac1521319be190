package cloudtrail

import (
	"context"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func readForwarded(ctx context.Context, cfg aws.Config, on remedy.On[forwarding]) (f forwarded, err error) {
	out, err := cloudtrail.NewFromConfig(cfg).GetTrail(ctx, &cloudtrail.GetTrailInput{Name: &on.ID})
	if err != nil {
		return f, remedy.Gone(err, "TrailNotFoundException")
	}
	f.To, f.As = aws.ToString(out.Trail.CloudWatchLogsLogGroupArn), aws.ToString(out.Trail.CloudWatchLogsRoleArn)
	role, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("asr-cloudtrail-logs")})
	if remedy.Unless(err, "NoSuchEntity") != nil {
		return f, err
	}
	if err == nil && aws.ToString(role.Role.Arn) == on.Expand(logsRole) { // another path is another role
		f.Role = *role.Role.Arn
	}
	name := on.Expand("{params.group}")
	pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(cloudwatchlogs.NewFromConfig(cfg), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return f, err
		}
		for _, g := range page.LogGroups {
			if aws.ToString(g.LogGroupName) == name {
				f.Group = on.Expand(logGroup)
			}
		}
	}
	return f, nil
}
