package dynamodb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling"
	"github.com/aws/aws-sdk-go-v2/service/applicationautoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// allKeys are the dimensions of newTable's tables.
var allKeys = []string{"index by-day read", "index by-day write", "table read", "table write"}

// register makes a scalable target as somebody else would.
func register(t *testing.T, acct *remedytest.Account, name, key string, c capacity) {
	t.Helper()
	d := dimensionOf(name, key)
	_, err := applicationautoscaling.NewFromConfig(acct.Config).RegisterScalableTarget(t.Context(), &applicationautoscaling.RegisterScalableTargetInput{
		ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable, MinCapacity: &c.Min, MaxCapacity: &c.Max,
	})
	remedytest.Must(t, key, err)
}

// putPolicy makes a scaling policy with settings of its own.
func putPolicy(t *testing.T, acct *remedytest.Account, name, key, policy string, percent float64) {
	t.Helper()
	d := dimensionOf(name, key)
	_, err := applicationautoscaling.NewFromConfig(acct.Config).PutScalingPolicy(t.Context(), &applicationautoscaling.PutScalingPolicyInput{
		PolicyName: &policy, PolicyType: types.PolicyTypeTargetTrackingScaling, ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable,
		TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
			TargetValue: &percent, ScaleInCooldown: aws.Int32(33), DisableScaleIn: aws.Bool(true), PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: d.metric},
		},
	})
	remedytest.Must(t, policy, err)
}

func viewOfScaling(acct *remedytest.Account, name string) remedytest.View {
	v := viewOfTable(acct, name)
	for _, key := range slices.Backward(allKeys) {
		d := dimensionOf(name, key)
		v = v.And(acct.Boto("application-autoscaling", "describe_scalable_targets", map[string]any{"ServiceNamespace": "dynamodb", "ResourceIds": []string{d.resource}, "ScalableDimension": d.scalable}, "ScalableTargets.0"))
		v = v.And(acct.Boto("application-autoscaling", "describe_scaling_policies", map[string]any{"ServiceNamespace": "dynamodb", "ResourceId": d.resource, "ScalableDimension": d.scalable}, "ScalingPolicies.0"))
	}
	return v.Without("CreationTime", "ScalableTargetARN", "PolicyARN", "Alarms")
}

// seenTarget and seenPolicy are how boto3 sees what a fix adds.
func seenTarget(resource, dimension string, low, high int) string {
	return fmt.Sprintf(`{"MaxCapacity":%d,"MinCapacity":%d,"ResourceId":"%s","ScalableDimension":"dynamodb:%s","ServiceNamespace":"dynamodb"`, high, low, resource, dimension)
}

func seenPolicy(resource, dimension, metric string, percent int) string {
	return fmt.Sprintf(`{"PolicyName":"asr-capacity","PolicyType":"TargetTrackingScaling","ResourceId":"%s","ScalableDimension":"dynamodb:%s","ServiceNamespace":"dynamodb","TargetTrackingScalingPolicyConfiguration":{"PredefinedMetricSpecification":{"PredefinedMetricType":"DynamoDB%sCapacityUtilization"},"TargetValue":%d}}`, resource, dimension, metric, percent)
}

func TestAutoScaling(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	newTable(t, acct, "scaled")
	for _, key := range allKeys {
		register(t, acct, "scaled", key, capacity{1, 100})
		if key != "index by-day read" { // the last one that the view looks at
			putPolicy(t, acct, "scaled", key, "theirs", 85)
		}
	}
	const target, policy = "describe_scalable_targets", "describe_scaling_policies"
	remedytest.Lifecycle(t, acct, AutoScaling, remedytest.Case{
		Name: "nothing is scaled", Control: "DynamoDB.1", Resource: acct.Expand(table, "orders"),
		Want: []string{
			`ranges[index by-day read]: none → {"max":12,"min":6}`, `ranges[index by-day write]: none → {"max":4,"min":2}`,
			`ranges[table read]: none → {"max":20,"min":10}`, `ranges[table write]: none → {"max":8,"min":4}`,
			`targets[index by-day read]: none → {"asr-capacity":70}`, `targets[index by-day write]: none → {"asr-capacity":70}`,
			`targets[table read]: none → {"asr-capacity":70}`, `targets[table write]: none → {"asr-capacity":70}`,
		},
		View: viewOfScaling(acct, "orders"),
		Seen: []string{
			target + ": none → " + seenTarget("table/orders", "table:WriteCapacityUnits", 4, 8), policy + ": none → " + seenPolicy("table/orders", "table:WriteCapacityUnits", "Write", 70),
			target + "2: none → " + seenTarget("table/orders", "table:ReadCapacityUnits", 10, 20), policy + "2: none → " + seenPolicy("table/orders", "table:ReadCapacityUnits", "Read", 70),
			target + "3: none → " + seenTarget("table/orders/index/by-day", "index:WriteCapacityUnits", 2, 4), policy + "3: none → " + seenPolicy("table/orders/index/by-day", "index:WriteCapacityUnits", "Write", 70),
			target + "4: none → " + seenTarget("table/orders/index/by-day", "index:ReadCapacityUnits", 6, 12), policy + "4: none → " + seenPolicy("table/orders/index/by-day", "index:ReadCapacityUnits", "Read", 70),
		},
		Foreign: func() { register(t, acct, "orders", "table read", capacity{10, 1000}) },
	}, remedytest.Case{
		Name: "what is there is not enough", Control: "DynamoDB.1", Resource: acct.Expand(table, "scaled"), Params: `{"minRead": 5, "targetWrite": 60}`,
		Want: []string{
			`ranges[index by-day read].min: 1 → 5`, `ranges[table read].min: 1 → 5`,
			`targets[index by-day read]: none → {"asr-capacity":70}`, `targets[index by-day write].theirs: 85 → 60`, `targets[table write].theirs: 85 → 60`,
		},
		View: viewOfScaling(acct, "scaled"),
		Seen: []string{
			target + "2.MinCapacity: 1 → 5", target + "4.MinCapacity: 1 → 5",
			policy + ".TargetTrackingScalingPolicyConfiguration.TargetValue: 85 → 60",
			policy + "3.TargetTrackingScalingPolicyConfiguration.TargetValue: 85 → 60",
			policy + "4: none → " + seenPolicy("table/scaled/index/by-day", "index:ReadCapacityUnits", "Read", 70),
		},
		Meanwhile: func() { putPolicy(t, acct, "scaled", "table read", "theirs", 50) },
		Gone:      gone(t, acct, "scaled"),
	})
}

func wanted(t *testing.T, p demand, now scaling) scaling {
	t.Helper()
	to, err := AutoScaling.Want(remedy.On[demand]{Params: p}, now)
	return remedytest.Must(t, to, err)
}

func TestWriteCapacityIsNotTakenFromRead(t *testing.T) {
	now := scaling{Provisioned: map[string]int32{"table read": 1, "table write": 1, "index i read": 1, "index i write": 1}}
	to := wanted(t, demand{MinRead: 100, MinWrite: 7, MaxRead: 400, MaxWrite: 9, TargetRead: 50, TargetWrite: 80}, now)
	want := scaling{
		Provisioned: now.Provisioned,
		Ranges:      map[string]capacity{"table read": {100, 400}, "index i read": {100, 400}, "table write": {7, 9}, "index i write": {7, 9}},
		Targets:     map[string]map[string]float64{"table read": {policyName: 50}, "index i read": {policyName: 50}, "table write": {policyName: 80}, "index i write": {policyName: 80}},
	}
	if diff := cmp.Diff(want, to); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]capacity{{100, 200}, {7, 14}}, []capacity{asked{min: 100}.widened(capacity{}, 1), asked{min: 7}.widened(capacity{}, 1)}); diff != "" {
		t.Errorf("a read minimum of more than twice the write minimum (-want +got)\n%s", diff)
	}
}

func TestALargeTableIsNotPulledDown(t *testing.T) {
	for name, c := range map[string]struct {
		a    asked
		want capacity
	}{
		"nothing said":        {asked{}, capacity{5000, 10000}},
		"a small maximum":     {asked{min: 5, max: 10}, capacity{5000, 5000}},
		"a larger maximum":    {asked{min: 5, max: 20000}, capacity{5000, 20000}},
		"a minimum over that": {asked{min: 6000}, capacity{6000, 12000}},
	} {
		if got := c.a.widened(capacity{}, 5000); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if got, most := (asked{}).widened(capacity{}, 2_000_000_000), (capacity{2_000_000_000, 2_147_483_647}); got != most {
		t.Errorf("got %v, want %v", got, most)
	}
}

func TestScalingThatIsTunedStays(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	for _, key := range allKeys {
		register(t, acct, "orders", key, capacity{3, 4000})
		putPolicy(t, acct, "orders", key, "theirs", 88)
	}
	for _, params := range []string{"", `{"minRead": 3, "maxWrite": 5, "targetRead": 90}`} {
		if _, r := ended(t, acct, AutoScaling, "DynamoDB.1", "orders", params); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v %+v", params, r.State, r.Plan, r.Error)
		}
	}
}

func TestTablesOnDemandAreRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders", onDemand)
	if _, r := ended(t, acct, AutoScaling, "DynamoDB.1", "orders", `{"minRead": 5}`); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestIndexesAreScaledToo(t *testing.T) {
	for key, want := range map[string]dimension{
		"table read":         {"table/t", "dynamodb:table:ReadCapacityUnits", "DynamoDBReadCapacityUtilization"},
		"table write":        {"table/t", "dynamodb:table:WriteCapacityUnits", "DynamoDBWriteCapacityUtilization"},
		"index by.day read":  {"table/t/index/by.day", "dynamodb:index:ReadCapacityUnits", "DynamoDBReadCapacityUtilization"},
		"index by-day write": {"table/t/index/by-day", "dynamodb:index:WriteCapacityUnits", "DynamoDBWriteCapacityUtilization"},
	} {
		if got := dimensionOf("t", key); got != want {
			t.Errorf("%s: %+v, want %+v", key, got, want)
		}
	}
	if a := (demand{MinRead: 1, MinWrite: 2}); a.of("index write read").min != 1 || a.of("index read write").min != 2 {
		t.Error("an index's name counts for its dimension")
	}
}

func TestPoliciesOfOtherKindsAreNoScaling(t *testing.T) {
	d := dimensionOf("orders", "table read")
	follows := func(resource string, scalable types.ScalableDimension, metric types.MetricType) types.ScalingPolicy {
		return types.ScalingPolicy{PolicyName: aws.String("p"), ResourceId: &resource, ScalableDimension: scalable, TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{
			TargetValue: aws.Float64(1), PredefinedMetricSpecification: &types.PredefinedMetricSpecification{PredefinedMetricType: metric},
		}}
	}
	custom := follows(d.resource, d.scalable, d.metric)
	custom.TargetTrackingScalingPolicyConfiguration.PredefinedMetricSpecification = nil
	for name, p := range map[string]types.ScalingPolicy{
		"steps":            {PolicyName: aws.String("p"), ResourceId: &d.resource, ScalableDimension: d.scalable, PolicyType: types.PolicyTypeStepScaling},
		"another metric":   follows(d.resource, d.scalable, types.MetricTypeDynamoDBWriteCapacityUtilization),
		"a custom metric":  custom,
		"another resource": follows("table/orders/index/i", d.scalable, d.metric),
		"another way":      follows(d.resource, types.ScalableDimensionDynamoDBTableWriteCapacityUnits, d.metric),
	} {
		if got := d.tracked([]types.ScalingPolicy{p}); len(got) != 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
	if got := d.tracked([]types.ScalingPolicy{follows(d.resource, d.scalable, d.metric)}); len(got) != 1 {
		t.Errorf("the kind that is meant: got %v", got)
	}
}

func TestUndoDeregistersOnlyWhatThisRunRegistered(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	for _, key := range allKeys {
		register(t, acct, "orders", key, capacity{1, 100})
	}
	on := onTable(acct, "orders", demand{})
	now, err := AutoScaling.Read(t.Context(), acct.Config, on)
	if err := AutoScaling.Write(t.Context(), acct.Config, on, remedytest.Must(t, now, err), scaling{Provisioned: now.Provisioned}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
	after, err := AutoScaling.Read(t.Context(), acct.Config, on)
	if diff := cmp.Diff(now, remedytest.Must(t, after, err)); diff != "" {
		t.Errorf("(-before +after)\n%s", diff)
	}
}

func TestAPolicyThatSomebodyAddsKeepsUndoAway(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	h, r := ended(t, acct, AutoScaling, "DynamoDB.1", "orders", "")
	putPolicy(t, acct, "orders", "table read", "theirs", 40)
	_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	if r = remedytest.Must(t, r, err2); r.Undo == nil || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeConflict {
		t.Errorf("undo ended %s: %+v", r.State, r.Undo)
	}
}

// Who deregisters a scalable target deletes all that belongs to it:
// https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeregisterScalableTarget.html
func TestUndoDeletesNothingThatOthersHaveAddedToTheScaling(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	api, d := applicationautoscaling.NewFromConfig(acct.Config), dimensionOf("orders", "table read")
	h, r := ended(t, acct, AutoScaling, "DynamoDB.1", "orders", "")
	undo := func() asr.Run {
		_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
		r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
		return remedytest.Must(t, r, err2)
	}
	_, err := api.PutScheduledAction(t.Context(), &applicationautoscaling.PutScheduledActionInput{
		ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable, ScheduledActionName: aws.String("nights"), Schedule: aws.String("rate(1 day)"),
	})
	remedytest.Must(t, 0, err)
	if r := undo(); r.State != asr.StatePartly || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "nights") {
		t.Errorf("undo over a scheduled action ended %s: %+v", r.State, r.Error)
	}
	_, err = api.DeleteScheduledAction(t.Context(), &applicationautoscaling.DeleteScheduledActionInput{
		ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable, ScheduledActionName: aws.String("nights"),
	})
	remedytest.Must(t, 0, err)
	_, err = api.PutScalingPolicy(t.Context(), &applicationautoscaling.PutScalingPolicyInput{
		PolicyName: aws.String("queue"), PolicyType: types.PolicyTypeTargetTrackingScaling, ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable,
		TargetTrackingScalingPolicyConfiguration: &types.TargetTrackingScalingPolicyConfiguration{TargetValue: aws.Float64(5), CustomizedMetricSpecification: &types.CustomizedMetricSpecification{
			MetricName: aws.String("Depth"), Namespace: aws.String("Ours"), Statistic: types.MetricStatisticAverage,
		}},
	})
	remedytest.Must(t, 0, err)
	if r := undo(); r.State != asr.StatePartly || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "queue") {
		t.Errorf("undo over a policy with a metric of its own ended %s: %+v", r.State, r.Error)
	}
	_, err = api.DeleteScalingPolicy(t.Context(), &applicationautoscaling.DeleteScalingPolicyInput{
		PolicyName: aws.String("queue"), ServiceNamespace: types.ServiceNamespaceDynamodb, ResourceId: &d.resource, ScalableDimension: d.scalable,
	})
	remedytest.Must(t, 0, err)
	if r := undo(); r.State != asr.StateReverted {
		t.Errorf("undo without them ended %s: %+v", r.State, r.Error)
	}
}

// What was just registered isn't known everywhere, and neither is the new
// service-linked role: hashicorp/terraform-provider-aws#2135, #1428, #49694.
func TestWhatIsNotReadyYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	to := scaling{Ranges: map[string]capacity{"table read": {1, 2}}}
	for message, c := range map[string]struct {
		code string
		want error
	}{
		"pending update":     {"ConcurrentUpdateException", asr.ErrSettling},
		"No scalable target": {"ObjectNotFoundException", asr.ErrSettling},
		"that you tried to tag already exists. To update tags": {"ValidationException", asr.ErrSettling},
		"the token is invalid":                                 {"FailedResourceAccessException", &asr.Error{Code: asr.CodeUnavailable}},
		"missing permissions":                                  {"ValidationException", &asr.Error{Code: asr.CodeInternal}},
	} {
		cfg := answering(acct.Config, func(in any) (any, error) {
			if _, registers := in.(*applicationautoscaling.RegisterScalableTargetInput); registers {
				return nil, &smithy.GenericAPIError{Code: c.code, Message: message}
			}
			return nil, nil
		})
		err := AutoScaling.Write(t.Context(), cfg, onTable(acct, "orders", demand{}), scaling{}, to)
		if c.want == asr.ErrSettling != errors.Is(err, asr.ErrSettling) || asr.Classify(err) != asr.Classify(c.want) {
			t.Errorf("%s: %v", message, err)
		}
	}
	newTable(t, acct, "orders")
	cfg := answering(acct.Config, func(in any) (any, error) {
		if _, reads := in.(*applicationautoscaling.DescribeScalingPoliciesInput); reads {
			return nil, &smithy.GenericAPIError{Code: "FailedResourceAccessException", Message: "Rate exceeded"}
		}
		return nil, nil
	})
	if _, err := AutoScaling.Read(t.Context(), cfg, onTable(acct, "orders", demand{})); asr.Classify(err) != asr.CodeUnavailable {
		t.Errorf("read: %v", err)
	}
}

// Application Auto Scaling tries them without a name:
// https://docs.aws.amazon.com/autoscaling/application/userguide/security_iam_permission_validation.html
func TestAlarmsAreGrantedWhateverTheirName(t *testing.T) {
	on := map[string]string{}
	for _, g := range AutoScaling.Spec.Implied {
		for _, a := range g.Actions {
			on[a] = g.On
		}
	}
	const any = "arn:{partition}:cloudwatch:{region}:{account}:alarm:*"
	if on["cloudwatch:DescribeAlarms"] != "*" || on["cloudwatch:PutMetricAlarm"] != any || on["cloudwatch:DeleteAlarms"] != any {
		t.Errorf("granted on %v", on)
	}
}

func TestWhatAWSChecksBehindTheCallsIsGranted(t *testing.T) {
	granted := map[string]bool{}
	for _, g := range AutoScaling.Spec.Implied {
		for _, a := range g.Actions {
			granted[a] = true
		}
	}
	for _, a := range []string{"dynamodb:UpdateTable", "cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms", "iam:CreateServiceLinkedRole", "application-autoscaling:TagResource"} {
		if !granted[a] {
			t.Errorf("%s isn't granted", a)
		}
	}
}

// What AWS checks behind a call must be in the same session as the call.
func TestAllRightsAreInOneSessionWhateverTheTablesName(t *testing.T) {
	on := asr.On{Target: asr.Target{Partition: "aws-us-gov", Account: "123456789012", Region: "ap-southeast-1", Name: strings.Repeat("n", 255)}}
	if _, err := sessions.Policy(on.Narrow(AutoScaling.Spec.WriteGrants()), true); err != nil {
		t.Error(err)
	}
}

func TestWhichCapacitiesAreValid(t *testing.T) {
	for name, c := range map[string]struct {
		p  demand
		ok bool
	}{
		"nothing said":           {demand{}, true},
		"all said":               {demand{1, 2, 3, 4, 20, 90}, true},
		"a negative minimum":     {demand{MinWrite: -1}, false},
		"a maximum too small":    {demand{MinRead: 5, MaxRead: 4}, false},
		"a target too small":     {demand{TargetWrite: 19}, false},
		"a target too large":     {demand{TargetRead: 91}, false},
		"another one's maximum":  {demand{MinRead: 5, MaxWrite: 4}, true},
		"a maximum and no least": {demand{MaxRead: 4}, true},
	} {
		if err := AutoScaling.Validate(remedy.On[demand]{Params: c.p}); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoCapacityIsTakenAway(t *testing.T) {
	t.Parallel()
	units := rapid.Int32Range(0, 50000)
	rapid.Check(t, func(t *rapid.T) {
		p := demand{MinRead: units.Draw(t, "minRead"), MinWrite: units.Draw(t, "minWrite"), MaxRead: units.Draw(t, "maxRead"), MaxWrite: units.Draw(t, "maxWrite")}
		p.TargetRead, p.TargetWrite = rapid.SampledFrom([]int32{0, 20, 70, 90}).Draw(t, "targetRead"), rapid.SampledFrom([]int32{0, 20, 70, 90}).Draw(t, "targetWrite")
		now := scaling{OnDemand: rapid.Bool().Draw(t, "onDemand"), Provisioned: map[string]int32{}, Ranges: map[string]capacity{}, Targets: map[string]map[string]float64{}}
		for _, key := range allKeys {
			now.Provisioned[key] = units.Draw(t, "units of "+key)
			if rapid.Bool().Draw(t, "a range of "+key) {
				low := units.Draw(t, "min of "+key)
				now.Ranges[key] = capacity{low + 1, low + 1 + units.Draw(t, "more of "+key)}
			}
			if rapid.Bool().Draw(t, "a policy of "+key) {
				now.Targets[key] = map[string]float64{"theirs": float64(rapid.IntRange(20, 90).Draw(t, "percent of "+key))}
			}
		}
		on := remedy.On[demand]{Params: p}
		remedytest.Stable(t, AutoScaling, on, now, "ranges", "targets")
		to, err := AutoScaling.Want(on, now)
		if err != nil {
			t.Fatal(err)
		}
		for key := range now.Provisioned {
			was, is := now.Ranges[key], to.Ranges[key]
			if is.Min < was.Min || is.Max < was.Max || is.Min > is.Max || !now.OnDemand && was == (capacity{}) && is.Min < now.Provisioned[key] {
				t.Fatalf("%s: %d units, %v becomes %v", key, now.Provisioned[key], was, is)
			}
			for name, percent := range now.Targets[key] {
				if got, there := to.Targets[key][name]; !there || got > percent {
					t.Fatalf("%s: %s aims for %v, and then %v", key, name, percent, got)
				}
			}
		}
	})
}

func TestATableWithoutIndexesIsScaled(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "plain", func(in *dynamodb.CreateTableInput) {
		in.GlobalSecondaryIndexes, in.AttributeDefinitions = nil, in.AttributeDefinitions[:1]
	})
	if _, r := ended(t, acct, AutoScaling, "DynamoDB.1", "plain", ""); r.State != asr.StateVerified || len(r.Plan.Changes) != 4 {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}
