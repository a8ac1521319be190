package dynamodb

import (
	"context"
	"maps"
	"slices"
	"strings"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// policyName is our scaling policy's; each scalable target has its own.
const policyName = "asr-capacity"

const (
	read  = " read"
	write = " write"
)

// dimension is what Application Auto Scaling calls a table's, or an index's,
// read or write capacity:
// https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-dynamodb.html
type dimension struct {
	resource string
	scalable types.ScalableDimension
	metric   types.MetricType
}

func dimensionOf(table, key string) dimension {
	d := dimension{"table/" + table, types.ScalableDimensionDynamoDBTableReadCapacityUnits, types.MetricTypeDynamoDBReadCapacityUtilization}
	of, reads := strings.CutSuffix(key, read)
	if !reads {
		of = strings.TrimSuffix(key, write)
		d.scalable, d.metric = types.ScalableDimensionDynamoDBTableWriteCapacityUnits, types.MetricTypeDynamoDBWriteCapacityUtilization
	}
	index, isIndex := strings.CutPrefix(of, "index ")
	if !isIndex {
		return d
	}
	d.resource += "/index/" + index
	if d.scalable = types.ScalableDimensionDynamoDBIndexWriteCapacityUnits; reads {
		d.scalable = types.ScalableDimensionDynamoDBIndexReadCapacityUnits
	}
	return d
}

// of is what is asked for of a dimension: reads and writes have parameters of
// their own.
func (d demand) of(key string) asked {
	if strings.HasSuffix(key, read) {
		return asked{d.MinRead, d.MaxRead, d.TargetRead}
	}
	return asked{d.MinWrite, d.MaxWrite, d.TargetWrite}
}

func readScaling(ctx context.Context, cfg aws.Config, on remedy.On[demand]) (s scaling, err error) {
	d, err := describe(ctx, cfg, on.Target)
	if err != nil {
		return s, err
	}
	if m := d.BillingModeSummary; m != nil && m.BillingMode == dynamodbtypes.BillingModePayPerRequest {
		s.OnDemand = true
	}
	s.Provisioned, s.Ranges, s.Targets = map[string]int32{}, map[string]capacity{}, map[string]map[string]float64{}
	s.provision("table", d.ProvisionedThroughput)
	for _, i := range d.GlobalSecondaryIndexes {
		s.provision("index "+aws.ToString(i.IndexName), i.ProvisionedThroughput)
	}
	api, dimensions, resources := applicationautoscaling.NewFromConfig(cfg), map[dimension]string{}, map[string]bool{}
	for key := range s.Provisioned {
		d := dimensionOf(on.Name, key)
		dimensions[d], resources[d.resource] = key, true
	}
	targets, err := targetsOf(ctx, api, slices.Sorted(maps.Keys(resources)))
	if err != nil {
		return s, err
	}
	for _, t := range targets {
		for d, key := range dimensions {
			if d.resource == aws.ToString(t.ResourceId) && d.scalable == t.ScalableDimension {
				s.Ranges[key] = capacity{aws.ToInt32(t.MinCapacity), aws.ToInt32(t.MaxCapacity)}
			}
		}
	}
	for resource := range resources {
		policies, err := policiesOf(ctx, api, resource)
		if err != nil {
			return s, err
		}
		for d, key := range dimensions {
			for name, p := range d.tracked(policies) {
				if s.Targets[key] == nil {
					s.Targets[key] = map[string]float64{}
				}
				s.Targets[key][name] = aws.ToFloat64(p.TargetValue)
			}
		}
	}
	return s, nil
}

func (s *scaling) provision(of string, t *dynamodbtypes.ProvisionedThroughputDescription) {
	if t != nil {
		s.Provisioned[of+read], s.Provisioned[of+write] = int32(aws.ToInt64(t.ReadCapacityUnits)), int32(aws.ToInt64(t.WriteCapacityUnits))
	}
}

// mostResources is how many resources one DescribeScalableTargets may name, each
// of which has two targets: all fit on its page of 50.
const mostResources = 25

func targetsOf(ctx context.Context, api *applicationautoscaling.Client, resources []string) (all []types.ScalableTarget, err error) {
	for some := range slices.Chunk(resources, mostResources) {
		pages := applicationautoscaling.NewDescribeScalableTargetsPaginator(api, &applicationautoscaling.DescribeScalableTargetsInput{ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceIds: some})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, page.ScalableTargets...)
		}
	}
	return all, nil
}

func policiesOf(ctx context.Context, api *applicationautoscaling.Client, resource string) (all []types.ScalingPolicy, err error) {
	pages := applicationautoscaling.NewDescribeScalingPoliciesPaginator(api, &applicationautoscaling.DescribeScalingPoliciesInput{ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &resource})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, pending(err) // it asks CloudWatch for their alarms
		}
		all = append(all, page.ScalingPolicies...)
	}
	return all, nil
}

// tracked are those of the policies, by name, that follow what is in use of
// the dimension's capacity.
func (d dimension) tracked(policies []types.ScalingPolicy) map[string]types.TargetTrackingScalingPolicyConfiguration {
	all := map[string]types.TargetTrackingScalingPolicyConfiguration{}
	for _, p := range policies {
		c := p.TargetTrackingScalingPolicyConfiguration
		if aws.ToString(p.ResourceId) == d.resource && p.ScalableDimension == d.scalable && c != nil &&
			c.PredefinedMetricSpecification != nil && c.PredefinedMetricSpecification.PredefinedMetricType == d.metric {
			all[aws.ToString(p.PolicyName)] = *c
		}
	}
	return all
}
