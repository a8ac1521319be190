package dynamodb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
)

// ofDynamoDB limits calls to scalable targets of DynamoDB, and to tagged ones.
func ofDynamoDB(tags map[string]string) map[string]map[string]string {
	when := map[string]map[string]string{"StringEquals": {"application-autoscaling:service-namespace": string(types.ServiceNamespaceDynamodb)}}
	if tags != nil {
		when["StringLike"] = tags
	}
	return when
}

func writeScaling(ctx context.Context, cfg aws.Config, on remedy.On[demand], from, to scaling) error {
	api, keys := applicationautoscaling.NewFromConfig(cfg), map[string]bool{}
	for _, s := range []scaling{from, to} {
		for key := range s.Ranges {
			keys[key] = true
		}
		for key := range s.Targets {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if err := scale(ctx, api, on, key, from, to); err != nil {
			return pending(err)
		}
	}
	return nil
}

// pending says so where Application Auto Scaling isn't ready: another update is
// under way, what was registered isn't known everywhere yet (so that it is
// registered, and tagged, once more), or CloudWatch or DynamoDB can't be asked
// for the time being, as with a service-linked role that is new.
func pending(err error) error {
	tagged := remedy.Is(err, "ValidationException") && strings.Contains(err.Error(), "tried to tag already exists")
	switch {
	case tagged, remedy.Is(err, "ConcurrentUpdateException", "ObjectNotFoundException"):
		return asr.ErrSettling
	case remedy.Is(err, "FailedResourceAccessException"):
		return &asr.Error{Code: asr.CodeUnavailable, Do: "wait; the step is tried again by itself", Err: err}
	}
	return err
}

// scale writes one dimension: its range comes before its policies, and takes
// them with it when it goes.
func scale(ctx context.Context, api *applicationautoscaling.Client, on remedy.On[demand], key string, from, to scaling) error {
	d := dimensionOf(on.Name, key)
	was, there := from.Ranges[key]
	is, stays := to.Ranges[key]
	if there && !stays {
		return deregister(ctx, api, on, d)
	}
	if is != was {
		in := &applicationautoscaling.RegisterScalableTargetInput{
			ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable, MinCapacity: &is.Min, MaxCapacity: &is.Max,
		}
		if !there { // AWS takes tags with the first registration only
			in.Tags = on.Call.Tags()
		}
		if _, err := api.RegisterScalableTarget(ctx, in); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(to.Targets[key])) {
		if percent := to.Targets[key][name]; percent != from.Targets[key][name] {
			if err := track(ctx, api, d, name, percent); err != nil {
				return err
			}
		}
	}
	for name := range from.Targets[key] {
		if _, stays := to.Targets[key][name]; !stays {
			_, err := api.DeleteScalingPolicy(ctx, &applicationautoscaling.DeleteScalingPolicyInput{
				PolicyName: &name, ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable,
			})
			if err := remedy.Unless(err, "ObjectNotFoundException"); err != nil {
				return err
			}
		}
	}
	return nil
}

// track makes a policy, or gives one another target and keeps the rest of it.
func track(ctx context.Context, api *applicationautoscaling.Client, d dimension, name string, percent float64) error {
	policies, err := policiesOf(ctx, api, d.resource)
	if err != nil {
		return err
	}
	c := d.tracked(policies)[name]
	c.TargetValue = &percent
	if c.PredefinedMetricSpecification == nil {
		c.PredefinedMetricSpecification = &types.PredefinedMetricSpecification{PredefinedMetricType: d.metric}
	}
	_, err = api.PutScalingPolicy(ctx, &applicationautoscaling.PutScalingPolicyInput{
		PolicyName: &name, PolicyType: types.PolicyTypeTargetTrackingScaling, ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable,
		TargetTrackingScalingPolicyConfiguration: &c,
	})
	return err
}

// added are the policies and scheduled actions of a dimension that aren't ours:
// they would go with its registration.
func added(ctx context.Context, api *applicationautoscaling.Client, d dimension) (names []string, err error) {
	policies, err := policiesOf(ctx, api, d.resource)
	if err != nil {
		return nil, err
	}
	for _, p := range policies {
		if p.ScalableDimension == d.scalable && aws.ToString(p.PolicyName) != policyName {
			names = append(names, "policy "+aws.ToString(p.PolicyName))
		}
	}
	pages := applicationautoscaling.NewDescribeScheduledActionsPaginator(api, &applicationautoscaling.DescribeScheduledActionsInput{
		ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, a := range page.ScheduledActions {
			names = append(names, "scheduled action "+aws.ToString(a.ScheduledActionName))
		}
	}
	return names, nil
}

// deregister ends the scaling of a dimension that this run began, and no other.
func deregister(ctx context.Context, api *applicationautoscaling.Client, on remedy.On[demand], d dimension) error {
	targets, err := targetsOf(ctx, api, []string{d.resource})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(targets, func(t types.ScalableTarget) bool { return t.ScalableDimension == d.scalable })
	if i < 0 {
		return nil
	}
	t := targets[i]
	tags, err := api.ListTagsForResource(ctx, &applicationautoscaling.ListTagsForResourceInput{ResourceARN: t.ScalableTargetARN})
	if err != nil {
		return err
	}
	if tags.Tags[asr.OwnerTag] != on.Call.Run {
		return asr.Refuse("the scalable target "+aws.ToString(t.ScalableTargetARN)+" doesn't carry this run's tag: somebody else made it", "deregister it by hand, if it shall go")
	}
	theirs, err := added(ctx, api, d)
	if err != nil {
		return err
	}
	if len(theirs) > 0 {
		return asr.Refuse(fmt.Sprintf("somebody has added %s to the scaling of %s, and it would be deleted too", strings.Join(theirs, ", "), d.resource), "delete it, if it shall go, then put the run back again")
	}
	_, err = api.DeregisterScalableTarget(ctx, &applicationautoscaling.DeregisterScalableTargetInput{
		ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable,
	})
	return remedy.Unless(err, "ObjectNotFoundException")
}
