package autoscaling

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// filled sets each field of a struct, so that one that is forgotten is seen.
func filled(v reflect.Value) {
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() {
			continue
		}
		switch p := reflect.New(f.Type()).Elem(); p.Kind() {
		case reflect.Pointer:
			p.Set(reflect.New(p.Type().Elem()))
			switch e := p.Elem(); e.Kind() {
			case reflect.String:
				e.SetString(v.Type().Field(i).Name)
			case reflect.Bool:
				e.SetBool(true)
			}
			f.Set(p)
		case reflect.Slice:
			f.Set(reflect.MakeSlice(p.Type(), 1, 1))
		}
	}
}

func TestACopyHasAllThatTheFirstOneHas(t *testing.T) {
	var c types.LaunchConfiguration
	filled(reflect.ValueOf(&c).Elem())
	got, first := reflect.ValueOf(input(c)).Elem(), reflect.ValueOf(c)
	for i := range first.NumField() {
		name := first.Type().Field(i).Name
		if !first.Type().Field(i).IsExported() || name == "LaunchConfigurationARN" || name == "CreatedTime" {
			continue
		}
		f := got.FieldByName(name)
		if !f.IsValid() || !cmp.Equal(f.Interface(), first.Field(i).Interface(), cmpopts.IgnoreUnexported(types.BlockDeviceMapping{}, types.InstanceMonitoring{}, types.InstanceMetadataOptions{})) {
			t.Errorf("a copy lacks %s", name)
		}
	}
}

func TestUserDataIsNotEncodedTwice(t *testing.T) {
	t.Parallel()
	for _, u := range []remedy.Unit[none, launch]{IMDSv2, NoPublicIP} {
		acct := remedytest.NewAccount(t)
		arn := newConfiguration(t, acct, "web")
		newGroup(t, acct, "g", by("web"))
		_, r := ended(t, acct, u, arn)
		if got := aws.ToString(theConfiguration(t, acct, uses(t, acct, "g")).UserData); r.State != asr.StateVerified || got != script || uses(t, acct, "g") == "web" {
			t.Errorf("%s: %s: user data is %q, want %q", u.Spec.ID, r.State, got, script)
		}
	}
}

func TestEmptyFieldsOfAConfigurationAreLeftOut(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "bare", func(in *autoscaling.CreateLaunchConfigurationInput) {
		in.KeyName, in.UserData, in.IamInstanceProfile, in.SpotPrice = nil, nil, nil, nil
	})
	newGroup(t, acct, "g", by("bare"))
	if c := theConfiguration(t, acct, "bare"); c.KeyName == nil || c.KernelId == nil || c.RamdiskId == nil || *c.KeyName+*c.KernelId+*c.RamdiskId != "" {
		t.Fatalf("the emulator describes what isn't set otherwise than AWS: %+v", c)
	}
	if _, r := ended(t, acct, IMDSv2, arn); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestGroupsWithLaunchTemplatesAreNoObstacle(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "template", func(in *autoscaling.CreateAutoScalingGroupInput) { in.LaunchTemplate = newTemplate(t, acct, "one") })
	newGroup(t, acct, "mixed", func(in *autoscaling.CreateAutoScalingGroupInput) {
		in.MixedInstancesPolicy = &types.MixedInstancesPolicy{LaunchTemplate: &types.LaunchTemplate{LaunchTemplateSpecification: newTemplate(t, acct, "two")}}
	})
	newGroup(t, acct, "old", by("web"))
	_, r := ended(t, acct, NoPublicIP, arn)
	if got := uses(t, acct, "old"); r.State != asr.StateVerified || got != "web-asr-no-public-ip" || uses(t, acct, "template")+uses(t, acct, "mixed") != "" {
		t.Errorf("the run ended %s and the group uses %s: %+v", r.State, got, r.Error)
	}
}

func TestGroupsOnLaterPagesMoveToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	for i := range 102 {
		newGroup(t, acct, "g"+string(rune('a'+i/26))+string(rune('a'+i%26)), by("web"))
	}
	_, r := ended(t, acct, NoPublicIP, arn)
	if first, last := uses(t, acct, "gaa"), uses(t, acct, "gdx"); r.State != asr.StateVerified || first != "web-asr-no-public-ip" || last != first {
		t.Errorf("the run ended %s, the groups use %s and %s: %+v", r.State, first, last, r.Error)
	}
}

func TestTheOldConfigurationStays(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	before := theConfiguration(t, acct, "web")
	_, r := ended(t, acct, IMDSv2, arn)
	if after := theConfiguration(t, acct, "web"); r.State != asr.StateVerified || !reflect.DeepEqual(before, after) {
		t.Errorf("the run ended %s: %+v became %+v", r.State, before, after)
	}
}

func TestTheCopyMayHaveAnyInstanceProfile(t *testing.T) {
	for _, u := range []remedy.Unit[none, launch]{IMDSv2, NoPublicIP} {
		pass := u.Spec.Implied[0]
		if pass.On != "arn:{partition}:iam::{account}:role/*" || !slices.Equal(pass.Actions, []string{"iam:PassRole"}) || pass.When["StringLike"]["iam:PassedToService"] != "ec2.amazonaws.com*" {
			t.Errorf("%s passes %+v", u.Spec.ID, pass)
		}
	}
}

func TestACopyThatIsThereAlreadyIsUsed(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	newConfiguration(t, acct, "web-asr-no-public-ip", func(in *autoscaling.CreateLaunchConfigurationInput) {
		in.AssociatePublicIpAddress, in.SecurityGroups = aws.Bool(false), []string{"sg-1", "sg-2"}
	})
	h, r := ended(t, acct, NoPublicIP, arn)
	if got := uses(t, acct, "g"); r.State != asr.StateVerified || got != "web-asr-no-public-ip" || len(r.Made) != 0 {
		t.Fatalf("the run ended %s, made %v and the group uses %s: %+v", r.State, r.Made, got, r.Error)
	}
	if r = undone(t, h, r); r.State != asr.StateReverted || uses(t, acct, "g") != "web" || !exists(t, acct, "web-asr-no-public-ip") {
		t.Errorf("undo ended %s: %+v: it deletes what it didn't make?", r.State, r.Error)
	}
}

func TestAnotherConfigurationOfTheCopysNameIsLeftAlone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	newConfiguration(t, acct, "web-asr-imdsv2", func(in *autoscaling.CreateLaunchConfigurationInput) {
		in.MetadataOptions.HttpTokens = types.InstanceMetadataHttpTokensStateRequired
		in.BlockDeviceMappings[0].Ebs.Encrypted = aws.Bool(false)
	})
	if _, r := ended(t, acct, IMDSv2, arn); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || uses(t, acct, "g") != "web" {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestACopyThatSomebodyElseUsesStays(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	h, r := ended(t, acct, IMDSv2, arn)
	newGroup(t, acct, "theirs", by("web-asr-imdsv2"))
	r = undone(t, h, r)
	if r.State != asr.StateReverted || len(r.Left) != 1 || !strings.Contains(r.Left[0], "the group theirs uses web-asr-imdsv2 too") {
		t.Errorf("undo ended %s and left %q: %+v", r.State, r.Left, r.Error)
	}
	if uses(t, acct, "g") != "web" || uses(t, acct, "theirs") != "web-asr-imdsv2" {
		t.Errorf("the groups use %s and %s", uses(t, acct, "g"), uses(t, acct, "theirs"))
	}
}

func TestUndoDeletesNoOtherConfigurationOfTheCopysName(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	h, r := ended(t, acct, IMDSv2, arn)
	move(t, acct, "g", "web")
	deleteConfiguration(t, acct, "web-asr-imdsv2")
	newConfiguration(t, acct, "web-asr-imdsv2", func(in *autoscaling.CreateLaunchConfigurationInput) { in.ImageId = aws.String("ami-87654321") })
	if r = undone(t, h, r); !exists(t, acct, "web-asr-imdsv2") {
		t.Errorf("undo ended %s and deleted somebody else's launch configuration", r.State)
	}
}

// One fix of a launch configuration leaves it unused; the other one then goes
// on from the first one's copy, and is undone before it.
func TestTwoFixesOfOneConfigurationDontCollide(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	if a, b := IMDSv2.Spec.Resources[0], NoPublicIP.Spec.Resources[0]; a != b || IMDSv2.Spec.Locks != nil || NoPublicIP.Spec.Locks != nil {
		t.Errorf("the two don't wait for each other: %s and %s", a, b)
	}
	first, fixed := ended(t, acct, IMDSv2, arn)
	if _, r := ended(t, acct, NoPublicIP, arn); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused {
		t.Errorf("the configuration that nobody uses any more: %s: %+v", r.State, r.Error)
	}
	second, again := ended(t, acct, NoPublicIP, acct.Expand(configuration, "web-asr-imdsv2"))
	c := theConfiguration(t, acct, uses(t, acct, "g"))
	if again.State != asr.StateVerified || !tokens.right(c) || !noPublicIP.right(c) || *c.LaunchConfigurationName != "web-asr-imdsv2-asr-no-public-ip" {
		t.Fatalf("the run ended %s and the group uses %+v: %+v", again.State, c, again.Error)
	}
	if r := undone(t, first, fixed); r.Undo == nil || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeConflict {
		t.Errorf("the first one was undone under the second: %s %+v", r.State, r.Undo)
	}
	if r := undone(t, second, again); r.State != asr.StateReverted || uses(t, acct, "g") != "web-asr-imdsv2" || exists(t, acct, "web-asr-imdsv2-asr-no-public-ip") {
		t.Errorf("the second one's undo ended %s: %+v", r.State, r.Error)
	}
	if r := undone(t, first, fixed); r.State != asr.StateReverted || uses(t, acct, "g") != "web" || exists(t, acct, "web-asr-imdsv2") {
		t.Errorf("the first one's undo ended %s: %+v", r.State, r.Error)
	}
}

func TestAnAccountThatMayMakeNoConfigurationsIsToldSo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	no := &smithy.GenericAPIError{Code: "UnsupportedOperation", Message: "The Launch Configuration creation operation is not available in your account"}
	cfg := watched(acct.Config, func(in any) error {
		if _, creates := in.(*autoscaling.CreateLaunchConfigurationInput); creates {
			return no
		}
		return nil
	})
	on := remedy.On[none]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "web"}}
	now, err := IMDSv2.Read(t.Context(), cfg, on)
	to, err2 := IMDSv2.Want(on, remedytest.Must(t, now, err))
	if err := IMDSv2.Write(t.Context(), cfg, on, now, remedytest.Must(t, to, err2)); !errors.Is(err, no) || uses(t, acct, "g") != "web" {
		t.Errorf("got %v", err)
	}
}

// failing returns a config whose calls with such an input fail with a code.
func failing[In any](cfg aws.Config, code string) aws.Config {
	return watched(cfg, func(in any) error {
		if _, meant := in.(In); meant {
			return &smithy.GenericAPIError{Code: code, Message: "no"}
		}
		return nil
	})
}

func TestAGroupThatIsBusyIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, code := range []string{"ScalingActivityInProgress", "ResourceContention"} {
		cfg := failing[*autoscaling.UpdateAutoScalingGroupInput](acct.Config, code)
		moves := IMDSv2.Write(t.Context(), cfg, remedy.On[none]{}, launch{Copy: "c", Groups: map[string]string{"g": "web"}}, launch{Copy: "c", Groups: map[string]string{"g": "c"}})
		checks := ELBHealthCheck.Write(t.Context(), cfg, remedy.On[patience]{}, health{}, health{Grace: 1})
		if !errors.Is(moves, asr.ErrSettling) || !errors.Is(checks, asr.ErrSettling) {
			t.Errorf("%s: %v, %v", code, moves, checks)
		}
	}
}

// One that is being deleted still uses its configuration, and one may come in between.
func TestACopyThatAWSSaysIsInUseIsLeft(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	cfg := failing[*autoscaling.DeleteLaunchConfigurationInput](acct.Config, "ResourceInUse")
	if err := IMDSv2.Write(t.Context(), cfg, remedy.On[none]{}, launch{Copy: "c"}, launch{}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestGroupsMayOnlyBeMovedBetweenTheTwo(t *testing.T) {
	on := asr.On{Target: asr.Target{Partition: "aws-us-gov", Account: "123456789012", Region: "ap-southeast-1", Name: strings.Repeat("n", longestName-len(tokens.suffix))}}
	for _, u := range []asr.Spec{IMDSv2.Spec, NoPublicIP.Spec} {
		moves := on.Narrow(u.Writes)[2]
		if got := moves.When["StringLike"]["autoscaling:LaunchConfigurationName"]; !slices.Contains(moves.Actions, "autoscaling:UpdateAutoScalingGroup") || got != on.Name+"*" {
			t.Errorf("%s: %s", u.ID, got)
		}
		if _, err := sessions.Policy(on.Narrow(u.WriteGrants()), true); err != nil {
			t.Errorf("%s: %v", u.ID, err)
		}
	}
}

func TestInstancesThatRunAreNotReplaced(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	var called []string
	cfg := watched(acct.Config, func(in any) error {
		called = append(called, reflect.TypeOf(in).Elem().Name())
		return nil
	})
	on := remedy.On[none]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "web"}}
	newConfiguration(t, acct, "web")
	newGroup(t, acct, "g", by("web"))
	for range 2 {
		now, err := IMDSv2.Read(t.Context(), cfg, on)
		to, err2 := IMDSv2.Want(on, remedytest.Must(t, now, err))
		remedytest.Must(t, to, err2)
		if err := IMDSv2.Write(t.Context(), cfg, on, now, to); err != nil {
			t.Fatal(err)
		}
	}
	writes := slices.DeleteFunc(called, func(name string) bool { return strings.HasPrefix(name, "Describe") })
	if diff := cmp.Diff([]string{"CreateLaunchConfigurationInput", "UpdateAutoScalingGroupInput"}, writes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhichConfigurationsAreRightAlready(t *testing.T) {
	required := &types.InstanceMetadataOptions{HttpTokens: types.InstanceMetadataHttpTokensStateRequired}
	for name, c := range map[string]struct {
		s    setting
		is   types.LaunchConfiguration
		want bool
	}{
		"tokens required":            {tokens, types.LaunchConfiguration{MetadataOptions: required}, true},
		"tokens optional":            {tokens, types.LaunchConfiguration{MetadataOptions: &types.InstanceMetadataOptions{HttpTokens: types.InstanceMetadataHttpTokensStateOptional}}, false},
		"no metadata options":        {tokens, types.LaunchConfiguration{}, false},
		"a public address":           {noPublicIP, types.LaunchConfiguration{AssociatePublicIpAddress: aws.Bool(true)}, false},
		"none":                       {noPublicIP, types.LaunchConfiguration{AssociatePublicIpAddress: aws.Bool(false)}, true},
		"as the subnet says: passes": {noPublicIP, types.LaunchConfiguration{}, true},
	} {
		if got := c.s.right(c.is); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWhenNoCopyIsMade(t *testing.T) {
	used := map[string]string{"g": "web"}
	long := strings.Repeat("n", 244)
	for name, c := range map[string]struct {
		called  string
		now     launch
		refused bool
	}{
		"right":                          {"web", launch{Right: true, Groups: used}, false},
		"right, and nobody uses it":      {"web", launch{Right: true}, false},
		"nobody uses it":                 {"web", launch{}, true},
		"the copy has taken its place":   {"web", launch{Groups: map[string]string{"g": "web-asr-imdsv2"}, Copy: "web-asr-imdsv2"}, false},
		"another has the name":           {"web", launch{Groups: used, Taken: true}, true},
		"the name is too long to add to": {long + "n", launch{Groups: map[string]string{"g": long + "n"}}, true},
		"the name holds a wildcard":      {"web*", launch{Groups: map[string]string{"g": "web*"}}, true},
	} {
		to, err := IMDSv2.Want(remedy.On[none]{Target: asr.Target{Name: c.called}}, c.now)
		if refused := asr.Classify(err) == asr.CodeRefused && err != nil; refused != c.refused || !refused && !cmp.Equal(c.now, to) {
			t.Errorf("%s: %+v, %v", name, to, err)
		}
	}
	if _, err := IMDSv2.Want(remedy.On[none]{Target: asr.Target{Name: long}}, launch{Groups: map[string]string{"g": long}}); err != nil {
		t.Errorf("a name that leaves just enough room: %v", err)
	}
}

func TestOnlyGroupsOfTheConfigurationMove(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SampledFrom([]setting{tokens, noPublicIP}).Draw(t, "setting")
		on := remedy.On[none]{Target: asr.Target{Name: "web"}}
		now := launch{Right: rapid.Bool().Draw(t, "right"), Taken: rapid.Bool().Draw(t, "taken"), Groups: map[string]string{}}
		if !now.Taken && rapid.Bool().Draw(t, "copied") {
			now.Copy = s.copyOf("web")
		}
		for _, g := range rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "c"})).Draw(t, "groups") {
			now.Groups[g] = rapid.SampledFrom([]string{"web", s.copyOf("web")}).Draw(t, "uses")
		}
		if s.suffix == tokens.suffix {
			remedytest.Stable(t, IMDSv2, on, now, "groups", "copy")
		} else {
			remedytest.Stable(t, NoPublicIP, on, now, "groups", "copy")
		}
		to, err := s.want(on, now)
		if err != nil {
			return
		}
		for g, c := range to.Groups {
			if now.Groups[g] == "" || c != now.Groups[g] && c != to.Copy || now.Copy != "" && to.Copy != now.Copy {
				t.Fatalf("%+v becomes %+v", now, to)
			}
		}
	})
}
