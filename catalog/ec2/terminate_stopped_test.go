package ec2

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newStopped makes an instance that was stopped so many days ago, with a volume
// that goes with it (root) and one that doesn't (data).
func newStopped(t *testing.T, acct *remedytest.Account, days int) (id, root, data string) {
	t.Helper()
	api := ec2.NewFromConfig(acct.Config)
	id = newInstance(t, acct)
	v, err := api.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("eu-west-1a"), Size: aws.Int32(1)})
	_, err2 := api.AttachVolume(t.Context(), &ec2.AttachVolumeInput{InstanceId: &id, VolumeId: remedytest.Must(t, v, err).VolumeId, Device: aws.String("/dev/sdf")})
	remedytest.Must(t, id, err2)
	tag(t, acct, id, "team")
	stop(t, acct, id, days)
	for root = range goWith(described(t, acct, id)) {
	}
	return id, root, *v.VolumeId
}

func stop(t *testing.T, acct *remedytest.Account, id string, days int) {
	t.Helper()
	_, err := ec2.NewFromConfig(acct.Config).StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}})
	remedytest.Must(t, id, err)
	remedytest.Must(t, id, acct.Sandbox.Backdate(t.Context(), acct.ID, sandbox.InstanceStopped, id, time.Now().AddDate(0, 0, -days)))
}

func start(t *testing.T, acct *remedytest.Account, id string) {
	t.Helper()
	_, err := ec2.NewFromConfig(acct.Config).StartInstances(t.Context(), &ec2.StartInstancesInput{InstanceIds: []string{id}})
	remedytest.Must(t, id, err)
}

func described(t *testing.T, acct *remedytest.Account, id string) types.Instance {
	t.Helper()
	out, err := ec2.NewFromConfig(acct.Config).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	return remedytest.Must(t, out, err).Reservations[0].Instances[0]
}

func onInstance(acct *remedytest.Account, id string) remedy.On[patience] {
	return remedy.On[patience]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: id}, Params: patience{30}}
}

// as returns a config that shows the instance otherwise than it is.
func as(acct *remedytest.Account, change func(*types.Instance)) aws.Config {
	return tap(acct.Config, func(_, out any) error {
		if out, ok := out.(*ec2.DescribeInstancesOutput); ok {
			change(&out.Reservations[0].Instances[0])
		}
		return nil
	})
}

func TestTerminateStopped(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, root, data := newStopped(t, acct, 31)
	other, _, _ := newStopped(t, acct, 31)
	third, thirdRoot, thirdData := newStopped(t, acct, 31)
	young, youngRoot, youngData := newStopped(t, acct, 3)
	view := func(id string) remedytest.View {
		return acct.Boto("ec2", "describe_instances", map[string]any{"InstanceIds": []string{id}}, "Reservations.0.Instances.0").
			And(acct.Boto("ec2", "describe_instances", map[string]any{"InstanceIds": []string{other}}, "Reservations.0.Instances.0")).
			And(acct.Boto("ec2", "describe_volumes", nil, "Volumes").Without("CreateTime", "AttachTime"))
	}
	seen := func(id, root, data string) []string { // and the other instance stays
		attached := `:[{"Device":"/dev/%","InstanceId":"` + id + `","State":"attached","VolumeId":"`
		return []string{
			`describe_instances.BlockDeviceMappings[]: {"DeviceName":"/dev/sda1","Ebs":{"DeleteOnTermination":true,"Status":"attached","VolumeId":"` + root + `"}} → none`,
			`describe_instances.BlockDeviceMappings[]: {"DeviceName":"/dev/sdf","Ebs":{"DeleteOnTermination":false,"Status":"attached","VolumeId":"` + data + `"}} → none`,
			`describe_instances.State.Code: 80 → 48`,
			`describe_instances.State.Name: "stopped" → "terminated"`,
			`describe_instances.StateTransitionReason: "User initiated (`,
			`describe_volumes[]: {"Attachments"` + strings.Replace(attached, "%", "sda1", 1) + root,
			`describe_volumes[]: {"Attachments"` + strings.Replace(attached, "%", "sdf", 1) + data,
			`describe_volumes[]: none → {"Attachments":[],"AvailabilityZone":"eu-west-1a","Encrypted":false,"Size":1,"State":"available","VolumeId":"` + data + `"`,
		}
	}
	remedytest.Lifecycle(t, acct, TerminateStopped, remedytest.Case{
		Name: "a month", Control: "EC2.4", Resource: acct.Expand(instance, id),
		Want: []string{`instance: "stopped for too long" → "terminated"`, `volumes.` + root + `: "/dev/sda1" → none`},
		View: view(id), Seen: seen(id, root, data),
	}, remedytest.Case{
		Name: "two days are asked for", Control: "EC2.4", Resource: acct.Expand(instance, young), Params: `{"days":2}`,
		Want: []string{`instance: "stopped for too long" → "terminated"`, `volumes.` + youngRoot + `: "/dev/sda1" → none`},
		View: view(young), Seen: seen(young, youngRoot, youngData),
		Gone: func() {}, // it is
	})
	remedytest.InTrouble(t, acct, TerminateStopped, remedytest.Case{
		Name: "while AWS is in trouble", Control: "EC2.4", Resource: acct.Expand(instance, third), View: view(third), Seen: seen(third, thirdRoot, thirdData),
	})
	if r := ended(t, acct, TerminateStopped, "EC2.4", acct.Expand(instance, "i-0123456789abcdef0")); r.State != asr.StateNothingToDo {
		t.Errorf("an instance that AWS has forgotten: the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAnInstanceThatWasStartedMeanwhileIsNotTerminated(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _, _ := newStopped(t, acct, 31)
	h := remedytest.NewHarness(acct, TerminateStopped)
	planned, err := h.Request(t.Context(), remedytest.Case{Control: "EC2.4", Resource: acct.Expand(instance, id)}, false)
	for err == nil && planned.State != asr.StateAwaiting {
		_, err = h.Engine.Step(t.Context(), planned.ID)
		planned = remedytest.Must(t, planned, err)
		planned, err = h.Store.Run(t.Context(), planned.ID)
	}
	start(t, acct, id)
	_, err = h.Engine.Approve(t.Context(), planned.ID, remedytest.Must(t, planned, err).Plan.Hash, remedytest.Actor, "test")
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, planned.ID, err))
	if remedytest.Must(t, r, err2).State != asr.StateNothingToDo || described(t, acct, id).State.Name != types.InstanceStateNameRunning {
		t.Errorf("the run ended %s (%+v), the instance is %s", r.State, r.Error, described(t, acct, id).State.Name)
	}
}

// What the engine has read a moment ago is read again right before the call.
func TestTheWriteItselfLooksAgain(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := ec2.NewFromConfig(acct.Config)
	for name, meanwhile := range map[string]func(id string){
		"it was started":             func(id string) { start(t, acct, id) },
		"it was started and stopped": func(id string) { start(t, acct, id); stop(t, acct, id, 0) },
		"it was protected": func(id string) {
			_, err := api.ModifyInstanceAttribute(t.Context(), &ec2.ModifyInstanceAttributeInput{InstanceId: &id, DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
			remedytest.Must(t, id, err)
		},
		"another volume goes with it": func(id string) {
			_, err := api.ModifyInstanceAttribute(t.Context(), &ec2.ModifyInstanceAttributeInput{InstanceId: &id, BlockDeviceMappings: []types.InstanceBlockDeviceMappingSpecification{
				{DeviceName: aws.String("/dev/sdf"), Ebs: &types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(true)}},
			}})
			remedytest.Must(t, id, err)
		},
	} {
		id, _, _ := newStopped(t, acct, 31)
		on := onInstance(acct, id)
		now, err := TerminateStopped.Read(t.Context(), acct.Config, on)
		to, err2 := TerminateStopped.Want(on, remedytest.Must(t, now, err))
		remedytest.Must(t, to, err2)
		meanwhile(id)
		if err := TerminateStopped.Write(t.Context(), acct.Config, on, now, to); asr.Classify(err) != asr.CodeConflict || asr.Advice(err) == "" {
			t.Errorf("%s: got %v, want a conflict", name, err)
		}
		if state := described(t, acct, id).State.Name; state == types.InstanceStateNameTerminated {
			t.Errorf("%s: the instance is terminated", name)
		}
	}
}

func TestTerminationProtectionIsHonoured(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _, _ := newStopped(t, acct, 31)
	_, err := ec2.NewFromConfig(acct.Config).ModifyInstanceAttribute(t.Context(), &ec2.ModifyInstanceAttributeInput{InstanceId: &id, DisableApiTermination: &types.AttributeBooleanValue{Value: aws.Bool(true)}})
	remedytest.Must(t, id, err)
	r := ended(t, acct, TerminateStopped, "EC2.4", acct.Expand(instance, id))
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "protected") {
		t.Errorf("the run ended %s: %+v, want a refusal", r.State, r.Error)
	}
}

func TestWhatItsOwnerWouldReplaceIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _, _ := newStopped(t, acct, 31)
	tagged := func(key string) func(*types.Instance) {
		return func(i *types.Instance) { i.Tags = append(i.Tags, types.Tag{Key: &key, Value: aws.String("x-1")}) }
	}
	for why, change := range map[string]func(*types.Instance){
		"Auto Scaling group x-1": tagged("aws:autoscaling:groupName"),
		"EC2 fleet x-1":          tagged("aws:ec2:fleet-id"),
		"Spot fleet x-1":         tagged("aws:ec2spot:fleet-request-id"),
		"Cloud9 environment x-1": tagged("aws:cloud9:environment"),
		"Spot request sir-1": func(i *types.Instance) {
			i.InstanceLifecycle, i.SpotInstanceRequestId = types.InstanceLifecycleTypeSpot, aws.String("sir-1")
		},
		"eks.amazonaws.com manages": func(i *types.Instance) {
			i.Operator = &types.OperatorResponse{Managed: aws.Bool(true), Principal: aws.String("eks.amazonaws.com")}
		},
	} {
		now, err := TerminateStopped.Read(t.Context(), as(acct, change), onInstance(acct, id))
		_, err = TerminateStopped.Want(onInstance(acct, id), remedytest.Must(t, now, err))
		if asr.Classify(err) != asr.CodeRefused || asr.Advice(err) == "" || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: got %v, want a refusal", why, err)
		}
	}
}

func TestHowLongAnInstanceHasBeenStopped(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, root, _ := newStopped(t, acct, 400)
	ago := func(d time.Duration) string {
		return "User initiated (" + time.Now().Add(-d).UTC().Format(time.DateTime) + " GMT)"
	}
	const day = 24 * time.Hour
	unknown := "AWS doesn't say since when the instance is stopped"
	for name, c := range map[string]struct {
		state  types.InstanceStateName
		reason string
		want   idle
		err    error
	}{
		"longer":           {"stopped", ago(30*day + time.Hour), idle{overdue, map[string]string{root: "/dev/sda1"}, ""}, nil},
		"not so long":      {"stopped", ago(30*day - time.Hour), idle{"stopped", nil, ""}, nil},
		"no reason":        {"stopped", "", idle{"stopped", nil, unknown}, nil},
		"no date":          {"stopped", "Server.InternalError", idle{"stopped", nil, unknown}, nil},
		"no date that is":  {"stopped", "User initiated (2026-02-31 12:00:00 GMT)", idle{"stopped", nil, unknown}, nil},
		"it runs":          {"running", ago(90 * day), idle{"running", nil, ""}, nil},
		"it is terminated": {"terminated", ago(90 * day), idle{"terminated", nil, ""}, nil},
		"it starts":        {"pending", ago(90 * day), idle{}, asr.ErrSettling},
		"it stops":         {"stopping", ago(90 * day), idle{}, asr.ErrSettling},
		"it goes":          {"shutting-down", ago(90 * day), idle{}, asr.ErrSettling},
	} {
		cfg := as(acct, func(i *types.Instance) { i.State.Name, i.StateTransitionReason = c.state, &c.reason })
		got, err := TerminateStopped.Read(t.Context(), cfg, onInstance(acct, id))
		if diff := cmp.Diff(c.want, got); !errors.Is(err, c.err) || diff != "" {
			t.Errorf("%s: %v, want %v (-want +got)\n%s", name, err, c.err, diff)
		}
	}
}

func TestADateFromBeforeTheLastStartIsNotBelieved(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id, _, _ := newStopped(t, acct, 90)
	cfg := as(acct, func(i *types.Instance) { i.LaunchTime = aws.Time(time.Now().AddDate(0, 0, -2)) })
	now, err := TerminateStopped.Read(t.Context(), cfg, onInstance(acct, id))
	if _, err := TerminateStopped.Want(onInstance(acct, id), remedytest.Must(t, now, err)); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %+v %v, want a refusal", now, err)
	}
}

func TestAStoppedInstanceWithoutADateIsRefused(t *testing.T) {
	if _, err := TerminateStopped.Want(remedy.On[patience]{}, idle{Instance: "stopped", Refusal: "no date"}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestDaysAreAsTheControlHasThem(t *testing.T) {
	for days, ok := range map[int]bool{1: true, 30: true, 365: true, 0: false, -1: false, 366: false} {
		if err := TerminateStopped.Validate(remedy.On[patience]{Params: patience{days}}); (err == nil) != ok {
			t.Errorf("%d: %v", days, err)
		}
	}
}

func TestOnlyWhatIsOverdueIsEverTerminated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := idle{
			Instance: rapid.SampledFrom([]string{"running", "stopped", overdue, terminated}).Draw(t, "instance"),
			Volumes:  rapid.MapOf(rapid.StringMatching(`vol-[0-9a-f]{4}`), rapid.Just("/dev/xvda")).Draw(t, "volumes"),
			Refusal:  rapid.SampledFrom([]string{"", "it is protected"}).Draw(t, "refusal"),
		}
		remedytest.Stable(t, TerminateStopped, remedy.On[patience]{}, now, "instance", "volumes")
		to, err := TerminateStopped.Want(remedy.On[patience]{}, now)
		if to.Instance != now.Instance && (err != nil || now.Instance != overdue || now.Refusal != "") {
			t.Fatalf("%+v becomes %+v: %v", now, to, err)
		}
	})
}
