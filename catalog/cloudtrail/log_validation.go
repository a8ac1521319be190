// Package cloudtrail fixes CloudTrail.
package cloudtrail

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
)

const trail = "arn:{partition}:cloudtrail:{region}:{account}:trail/{name}"

type none struct{}

type validation struct {
	On bool `json:"on"`
}

// LogValidation lets CloudTrail sign what it delivers.
var LogValidation = remedy.Unit[none, validation]{
	Spec: asr.Spec{
		ID: "cloudtrail-log-validation", Version: 1,
		Title:  "Validate the log files of CloudTrail trails",
		Impact: "CloudTrail puts a signed digest of the log files into the trail's bucket every hour, so that it shows if one was changed or deleted. Put back, no more digests are made; those that are there stay.",
		Risk:   asr.RiskLow, RiskWhy: "the log itself stays as it is, and only digest files are added",
		Scope: asr.ScopeResource, Resources: []string{trail},
		Reads:   []asr.Grant{asr.Allow("*", "cloudtrail:DescribeTrails"), asr.Allow(trail, "cloudtrail:GetTrail")},
		Writes:  []asr.Grant{asr.Allow(trail, "cloudtrail:UpdateTrail")},
		Implied: ofOrganizations(),
		Settle:  5 * time.Second,
	},
	Controls: map[string]none{"CloudTrail.4": {}},
	Resolve:  resolveTrail[none],
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (validation, error) {
		out, err := cloudtrail.NewFromConfig(cfg).GetTrail(ctx, &cloudtrail.GetTrailInput{Name: &on.ID})
		if err != nil {
			return validation{}, remedy.Gone(err, "TrailNotFoundException")
		}
		return validation{aws.ToBool(out.Trail.LogFileValidationEnabled)}, nil
	},
	Want: func(remedy.On[none], validation) (validation, error) { return validation{true}, nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to validation) error {
		_, err := cloudtrail.NewFromConfig(cfg).UpdateTrail(ctx, &cloudtrail.UpdateTrailInput{Name: &on.ID, EnableLogFileValidation: &to.On})
		return heeded(err)
	},
}
