package dynamodb

import (
	"errors"
	"maps"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
)

const (
	scalableTarget = "arn:{partition}:application-autoscaling:{region}:{account}:scalable-target/*"
	anyAlarm       = "arn:{partition}:cloudwatch:{region}:{account}:alarm:*"
	scalingRole    = "arn:{partition}:iam::{account}:role/aws-service-role/dynamodb.application-autoscaling.*"
)

type demand struct {
	MinRead     int32 `json:"minRead" doc:"Read capacity units that the table, and each of its indexes, has at least. New scaling begins at what is provisioned now if that is more. 0: at what is provisioned now."`
	MinWrite    int32 `json:"minWrite" doc:"The same for write capacity."`
	MaxRead     int32 `json:"maxRead" doc:"Read capacity units that new scaling goes up to, but never less than the minimum. 0: twice the minimum."`
	MaxWrite    int32 `json:"maxWrite" doc:"The same for write capacity."`
	TargetRead  int32 `json:"targetRead" doc:"Percent of the read capacity that is in use at most, 20 to 90. 0: 70 for new scaling, and scaling that is there stays."`
	TargetWrite int32 `json:"targetWrite" doc:"The same for write capacity."`
}

// scaling is how the capacity of a table and of its global secondary indexes
// follows demand, each by its dimension's key: "table read", "index by-date write".
type scaling struct {
	OnDemand    bool                          `json:"onDemand"`
	Provisioned map[string]int32              `json:"provisioned"` // units now
	Ranges      map[string]capacity           `json:"ranges"`
	Targets     map[string]map[string]float64 `json:"targets"` // percent in use, by the policies' names
}

// AutoScaling lets a table's provisioned capacity follow demand.
var AutoScaling = remedy.Unit[demand, scaling]{
	Spec: asr.Spec{
		ID: "dynamodb-autoscaling", Version: 1,
		Title:  "Let the capacity of DynamoDB tables follow demand",
		Impact: "The capacity of the table and of its global secondary indexes rises under load, and falls again, to what is provisioned now and no further unless the parameters say otherwise. Tables on demand, and scaling that is there, are left as they are. Undo ends the scaling that was added; the capacity stays where it is then.",
		Risk:   asr.RiskLow, RiskWhy: "new scaling never goes below the capacity that is provisioned now",
		Cost:  "for each unit that demand adds, about 0.10 USD (read) or 0.50 USD (write) a month",
		Scope: asr.ScopeResource, Resources: []string{table},
		Reads: []asr.Grant{
			asr.Allow(table, "dynamodb:DescribeTable"),
			asr.Allow("*", "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies"),
		},
		Writes: []asr.Grant{
			{On: scalableTarget, Actions: []string{"application-autoscaling:RegisterScalableTarget", "application-autoscaling:PutScalingPolicy", "application-autoscaling:DeleteScalingPolicy"}, When: ofDynamoDB(nil)},
			asr.Allow(scalableTarget, "application-autoscaling:ListTagsForResource"),
			asr.Allow("*", "application-autoscaling:DescribeScheduledActions"),
			{On: scalableTarget, Actions: []string{"application-autoscaling:DeregisterScalableTarget"}, When: ofDynamoDB(map[string]string{"aws:ResourceTag/" + asr.OwnerTag: "*"})},
		},
		Implied: []asr.Grant{ // https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_id-based-policy-examples.html
			{On: scalableTarget, Actions: []string{"application-autoscaling:TagResource"}, When: map[string]map[string]string{"StringLike": {"aws:RequestTag/" + asr.OwnerTag: "*"}}},
			asr.Allow(table, "dynamodb:UpdateTable"),
			// Application Auto Scaling tries these without a name, so that none narrower will do:
			// https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
			asr.Allow("*", "cloudwatch:DescribeAlarms"),
			asr.Allow(anyAlarm, "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"),
			asr.Allow(scalingRole, "iam:CreateServiceLinkedRole"), // the ARN says for which service
		},
		Settle: 5 * time.Second,
	},
	Controls: map[string]demand{"DynamoDB.1": {}},
	Read:     readScaling,
	Want: func(on remedy.On[demand], now scaling) (scaling, error) {
		if now.OnDemand {
			return now, nil
		}
		to := scaling{Provisioned: now.Provisioned, Ranges: map[string]capacity{}, Targets: map[string]map[string]float64{}}
		maps.Copy(to.Ranges, now.Ranges)
		maps.Copy(to.Targets, now.Targets)
		for key, units := range now.Provisioned {
			a := on.Params.of(key)
			to.Ranges[key] = a.widened(now.Ranges[key], units)
			to.Targets[key] = a.lowered(now.Targets[key])
		}
		return to, nil
	},
	Write: writeScaling,
	Validate: func(on remedy.On[demand]) error {
		p := on.Params
		return errors.Join(asked{p.MinRead, p.MaxRead, p.TargetRead}.valid("Read"), asked{p.MinWrite, p.MaxWrite, p.TargetWrite}.valid("Write"))
	},
}
