// Package athena fixes Athena.
package athena

import (
	"context"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"
)

const workgroup = "arn:{partition}:athena:{region}:{account}:workgroup/{name}"

type none struct{}

// metrics is what Security Hub calls a workgroup's logging.
type metrics struct {
	Published bool `json:"published"` // query metrics go to CloudWatch
}

// WorkgroupLogging publishes a workgroup's query metrics to CloudWatch. Only
// what is named in ConfigurationUpdates changes:
// https://docs.aws.amazon.com/athena/latest/APIReference/API_UpdateWorkGroup.html
var WorkgroupLogging = remedy.Unit[none, metrics]{
	Spec: asr.Spec{
		ID: "athena-workgroup-logging", Version: 1,
		Title:  "Publish query metrics of Athena workgroups",
		Impact: "From now on Athena publishes metrics of the workgroup's queries (how many, how long, how much data) to CloudWatch, which is what Security Hub means by logging here. The text of queries isn't logged. Queries run as before.",
		Risk:   asr.RiskLow, RiskWhy: "who runs queries notices nothing",
		Scope: asr.ScopeResource, Resources: []string{workgroup},
		Reads:  []asr.Grant{asr.Allow(workgroup, "athena:GetWorkGroup")},
		Writes: []asr.Grant{asr.Allow(workgroup, "athena:UpdateWorkGroup")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"Athena.4": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (metrics, error) {
		out, err := athena.NewFromConfig(cfg).GetWorkGroup(ctx, &athena.GetWorkGroupInput{WorkGroup: &on.Name})
		if err != nil {
			return metrics{}, gone(err)
		}
		if out.WorkGroup == nil || out.WorkGroup.Configuration == nil {
			return metrics{}, nil
		}
		return metrics{aws.ToBool(out.WorkGroup.Configuration.PublishCloudWatchMetricsEnabled)}, nil
	},
	Want: func(remedy.On[none], metrics) (metrics, error) { return metrics{true}, nil },
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], _, to metrics) error {
		_, err := athena.NewFromConfig(cfg).UpdateWorkGroup(ctx, &athena.UpdateWorkGroupInput{
			WorkGroup: &on.Name, ConfigurationUpdates: &types.WorkGroupConfigurationUpdates{PublishCloudWatchMetricsEnabled: &to.Published},
		})
		return gone(err)
	},
}

// gone knows a workgroup that isn't there by Athena's words: the code stands
// for any request that it doesn't like.
func gone(err error) error {
	if remedy.Is(err, "InvalidRequestException") && strings.Contains(err.Error(), "is not found") {
		return asr.ErrGone
	}
	return err
}
