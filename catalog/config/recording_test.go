package config

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/configservice/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRecording(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	name := map[string]any{"Bucket": a.bucketName()}
	view := a.Boto("config", "describe_configuration_recorders", nil, "ConfigurationRecorders").And(a.Boto("config", "describe_configuration_recorder_status", nil, "ConfigurationRecordersStatus")).
		And(a.Boto("config", "describe_delivery_channels", nil, "DeliveryChannels")).And(a.Boto("iam", "get_role", map[string]any{"RoleName": "AWSServiceRoleForConfig"}, "Role.Arn")).
		And(a.Boto("s3", "get_bucket_policy", name, "Policy")).And(a.Boto("s3", "get_public_access_block", name, "")).
		Without("lastStartTime", "lastStopTime", "lastStatusChangeTime", "lastStatus", "arn")
	const held = "it holds what was recorded"
	on := []string{`describe_configuration_recorder_status[]: {"name":"default","recording":false}`, `describe_configuration_recorder_status[]: none → {"name":"default","recording":true}`}
	recorder := `describe_configuration_recorders[]: none → {"name":"asr-recorder","recordingGroup":{"allSupported":true,"exclusionByResourceTypes":{"resourceTypes":[]},"includeGlobalResourceTypes":true,`
	channel := `describe_delivery_channels[]: none → {"name":"asr-channel","s3BucketName":"` + a.bucketName() + `"}`
	remedytest.Lifecycle(t, a.Account, Recording, remedytest.Case{
		Name: "nothing is there", Control: "Config.1", Seed: a.clean, View: view,
		Want: []string{
			`bucket: "" → "` + a.arn(bucket) + `"`, `channel: "" → "asr-channel"`, "delivery: false → true", "on: false → true", "private: false → true", `recorder: "" → "asr-recorder"`, `role: "" → "` + a.arn(linkedRole) + `"`,
		},
		Seen: []string{recorder, channel, `describe_configuration_recorder_status[]: none → {"name":"asr-recorder","recording":true}`, "get_bucket_policy", "get_public_access_block", "get_role"},
		Made: []string{a.arn(bucket), a.arn(linkedRole)}, Left: []string{"bucket: " + held, "delivery: " + held, "private: " + held, "role: AWS Config uses it"},
	}, remedytest.Case{
		Name: "role and bucket are there; others change the channel meanwhile", Control: "Config.1", View: view,
		Seed:      func() { a.clean(); a.ended(""); a.stop(ourRecorder); a.forget(ourChannel, ourRecorder) },
		Want:      []string{`channel: "" → "asr-channel"`, "on: false → true", `recorder: "" → "asr-recorder"`},
		Seen:      []string{recorder, channel, `describe_configuration_recorder_status[]: none → {"name":"asr-recorder","recording":true}`},
		Meanwhile: func() { a.channel(ourChannel, a.bucketName()) },
	}, remedytest.Case{
		Name: "another's recorder is stopped and has no channel", Control: "Config.1", View: view,
		Seed: func() {
			a.clean()
			a.ended("")
			a.stop(ourRecorder)
			a.forget(ourChannel, ourRecorder)
			a.recorder("default", nil)
		},
		Want: []string{`channel: "" → "asr-channel"`, "on: false → true"}, Seen: append(on, channel),
	})
}

// A recorder that somebody made narrower, or with another role, may be so on
// purpose: neither it nor its status is touched.
func TestAnExistingRecorderIsNeverOverwritten(t *testing.T) {
	t.Parallel()
	own := func(a account) func(*types.ConfigurationRecorder) {
		out, err := a.iam.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("config"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"config.amazonaws.com"},"Action":"sts:AssumeRole"}}`)})
		arn := remedytest.Must(t, out, err).Role.Arn
		return func(r *types.ConfigurationRecorder) { r.RoleARN = arn }
	}
	group := func(g types.RecordingGroup) func(account) func(*types.ConfigurationRecorder) {
		return func(account) func(*types.ConfigurationRecorder) {
			return func(r *types.ConfigurationRecorder) { r.RecordingGroup = &g }
		}
	}
	excluding := func(ts ...types.ResourceType) func(account) func(*types.ConfigurationRecorder) {
		return group(types.RecordingGroup{ExclusionByResourceTypes: &types.ExclusionByResourceTypes{ResourceTypes: ts}, RecordingStrategy: &types.RecordingStrategy{UseOnly: types.RecordingStrategyTypeExclusionByResourceTypes}})
	}
	for _, c := range []struct {
		name, params string
		change       func(account) func(*types.ConfigurationRecorder)
		refusal      string // "": nothing to do
	}{
		{name: "some types only", change: group(types.RecordingGroup{ResourceTypes: []types.ResourceType{types.ResourceTypeBucket}}), refusal: "records some types of resources only"},
		{name: "all but some", change: excluding(types.ResourceTypeBucket), refusal: "records some types of resources only"},
		{name: "all but IAM's", change: excluding(types.ResourceTypeUser, types.ResourceTypeRole), refusal: "records some types of resources only"},
		{name: "all but IAM's, which another Region records", params: `{"globalIn":"us-east-1"}`, change: excluding(types.ResourceTypeUser, types.ResourceTypeRole)},
		{name: "all but IAM's and others, though another Region records IAM's", params: `{"globalIn":"us-east-1"}`, change: excluding(types.ResourceTypeUser, types.ResourceTypeBucket), refusal: "some types"},
		{name: "without IAM's", change: group(types.RecordingGroup{AllSupported: true}), refusal: "leaves out IAM's"},
		{name: "without IAM's, of this Region", params: `{"globalIn":"eu-west-1"}`, change: group(types.RecordingGroup{AllSupported: true}), refusal: "leaves out IAM's"},
		{name: "without IAM's, which another Region records", params: `{"globalIn":"us-east-1"}`, change: group(types.RecordingGroup{AllSupported: true})},
		{name: "with a role of its own", change: own, refusal: "and not AWSServiceRoleForConfig"},
		{name: "with a role of its own, which is said to do", params: `{"serviceLinkedRole":false}`, change: own},
		{name: "right"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t)
			a.t = t
			a.role()
			var change func(*types.ConfigurationRecorder)
			if c.change != nil {
				change = c.change(a)
			}
			a.recorder("default", change)
			a.bucket("theirs-"+a.ID, a.ID)
			a.channel("default", "theirs-"+a.ID)
			a.start("default")
			before := snapshot(t, a.recorders())
			if r := a.ended(c.params); c.refusal == "" && r.State != asr.StateNothingToDo {
				t.Errorf("the run ended %s %+v", r.State, r.Error)
			}
			if c.refusal != "" {
				a.refused(c.params, c.refusal)
			}
			if diff := cmp.Diff(before, snapshot(t, a.recorders())); diff != "" {
				t.Errorf("the recorder (-before +after)\n%s", diff)
			}
		})
	}
}

// A stopped recorder of another's is started, and nothing else of it changes.
func TestAStoppedRecorderIsOnlyStarted(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.recorder("default", nil)
	a.bucket("theirs-"+a.ID, a.ID)
	a.channel("default", "theirs-"+a.ID)
	r := a.ended("")
	if got := changesOf(r); r.State != asr.StateVerified || !slices.Equal(got, []string{"on: false → true"}) || len(r.Made) != 0 {
		t.Errorf("the run ended %s %+v with %q, and made %q", r.State, r.Error, got, r.Made)
	}
	if _, err := a.s3.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(a.bucketName())}); err == nil {
		t.Errorf("there is a bucket that nobody needs")
	}
}

// The status comes in an answer of its own.
func TestARecorderThatRecordsIsSeenAsRecording(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	if r := a.ended(""); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s %+v", r.State, r.Error)
	}
	now, err := readRecording(t.Context(), a.Config, a.on())
	if err != nil || !now.On {
		t.Errorf("it is seen as %+v, %v", now, err)
	}
	a.stop(ourRecorder)
	if r := a.ended(""); r.State != asr.StateVerified || !slices.Equal(changesOf(r), []string{"on: false → true"}) {
		t.Errorf("stopped, the run ended %s with %q", r.State, changesOf(r))
	}
}

// A bucket's name is the world's: it may be a stranger's.
func TestABucketOfAnotherAccountIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	a, stranger := newAccount(t), newAccount(t)
	stranger.bucket(a.bucketName(), a.ID) // it would even let our recorder deliver
	a.refused("", "belongs to another account")
	if r := a.ended(`{"owner":"` + stranger.ID + `"}`); r.State != asr.StateVerified || len(r.Made) != 1 {
		t.Errorf("said to be meant, the run ended %s %+v and made %v", r.State, r.Error, r.Made)
	}
}

func TestAChannelToABucketOfAnotherAccountIsNotStartedSilently(t *testing.T) {
	t.Parallel()
	a, central := newAccount(t), newAccount(t)
	central.bucket("central-"+central.ID, a.ID)
	a.recorder("default", nil)
	a.channel("default", "central-"+central.ID)
	a.refused("", "delivers to the bucket central-"+central.ID+", which is not known to be of account "+a.ID)
	a.refused(`{"bucket":"other","owner":"`+central.ID+`"}`, "delivers to the bucket central-")
	if r := a.ended(`{"bucket":"central-` + central.ID + `","owner":"` + central.ID + `"}`); r.State != asr.StateVerified || !slices.Equal(changesOf(r), []string{"on: false → true"}) {
		t.Errorf("said to be meant, the run ended %s %+v with %q", r.State, r.Error, changesOf(r))
	}
	if r := a.ended(""); r.State != asr.StateNothingToDo {
		t.Errorf("what records already is right, but the run ended %s %+v", r.State, r.Error)
	}
}

// A stranger may let us look at a bucket: each call says whose it must be.
func TestEachLookAtABucketSaysWhoseItMustBe(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.prepared()
	a.recorder("default", nil)
	a.channel("default", a.bucketName())
	owners := map[string]*string{}
	cfg := a.Config
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), asking(func(in any) {
		switch in := in.(type) {
		case *s3.HeadBucketInput:
			owners["HeadBucket"] = in.ExpectedBucketOwner
		case *s3.GetBucketLocationInput:
			owners["GetBucketLocation"] = in.ExpectedBucketOwner
		case *s3.GetPublicAccessBlockInput:
			owners["GetPublicAccessBlock"] = in.ExpectedBucketOwner
		case *s3.GetBucketPolicyInput:
			owners["GetBucketPolicy"] = in.ExpectedBucketOwner
		case *s3.PutPublicAccessBlockInput:
			owners["PutPublicAccessBlock"] = in.ExpectedBucketOwner
		case *s3.PutBucketPolicyInput:
			owners["PutBucketPolicy"] = in.ExpectedBucketOwner
		}
	}))
	_, err := readRecording(t.Context(), cfg, a.on())
	if err := errors.Join(err, ourBucket(a.on()).Close(t.Context(), cfg), ourBucket(a.on()).Allow(t.Context(), cfg)); err != nil || len(owners) != 6 {
		t.Errorf("the calls were %v, %v", owners, err)
	}
	for call, owner := range owners {
		if aws.ToString(owner) != a.ID {
			t.Errorf("%s expects the owner %q", call, aws.ToString(owner))
		}
	}
}

func TestABucketInAnotherRegionIsRefused(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"PermanentRedirect", "AuthorizationHeaderMalformed"} {
		a := newAccount(t)
		a.recorder("default", nil)
		a.bucket("theirs-"+a.ID, a.ID)
		a.channel("default", "theirs-"+a.ID)
		t.Cleanup(a.Sandbox.Fault(sandbox.Fault{Service: "s3", Operation: "GetBucketLocation", Account: a.ID, Code: code}))
		a.refused("", "theirs-"+a.ID)
	}
}

func TestTheServiceLinkedRoleIsMadeIfItIsNotThere(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	r := a.ended("")
	if !slices.Contains(r.Made, a.arn(linkedRole)) || *a.recorders()[0].RoleARN != a.arn(linkedRole) {
		t.Errorf("the run ended %s %+v and made %q", r.State, r.Error, r.Made)
	}
	if err := writeRecording(t.Context(), a.Config, a.on(), recording{}, recording{Role: a.arn(linkedRole)}); err != nil {
		t.Errorf("a run in another Region was faster: %v", err)
	}
	for _, g := range Recording.Spec.WriteGrants() {
		if slices.Contains(g.Actions, "iam:CreateRole") || slices.Contains(g.Actions, "iam:CreateServiceLinkedRole") && g.When["StringEquals"]["iam:AWSServiceName"] != "config.amazonaws.com" {
			t.Errorf("the grant %+v makes more than that role", g)
		}
	}
}

// Many Regions would record, and bill, each change to IAM anew.
func TestIAMIsRecordedWhereItIsWanted(t *testing.T) {
	t.Parallel()
	for params, want := range map[string]bool{"": true, `{"globalIn":"eu-west-1"}`: true, `{"globalIn":"us-east-1"}`: false} {
		a := newAccount(t)
		r := a.ended(params)
		if got := a.recorders()[0].RecordingGroup; r.State != asr.StateVerified || !got.AllSupported || got.IncludeGlobalResourceTypes != want {
			t.Errorf("%s: the run ended %s %+v with %+v, want %t", params, r.State, r.Error, got, want)
		}
	}
}

func TestTheBucketLetsAWSConfigDeliver(t *testing.T) {
	on := remedy.On[delivery]{Target: asr.Target{Partition: "aws-cn", Account: "111111111111", Region: "cn-north-1"}, Params: Recording.Controls["Config.1"]}
	b := ourBucket(on)
	for _, s := range b.Policy[:3] {
		when := s["Condition"].(map[string]any)["StringEquals"].(map[string]any)
		if when["aws:SourceAccount"] != "111111111111" || !strings.HasPrefix(s["Resource"].(string), "arn:aws-cn:s3:::asr-config-111111111111-cn-north-1") {
			t.Errorf("%v lets others deliver", s)
		}
	}
	t.Parallel()
	a := newAccount(t)
	a.bucket(a.bucketName(), "999999999999") // what is in its policy stays
	r := a.ended("")
	out, err := a.s3.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: aws.String(a.bucketName())})
	doc, err2 := remedy.ParseDocument(*remedytest.Must(t, out, err).Policy)
	if remedytest.Must(t, doc, err2); r.State != asr.StateVerified || len(doc.Statements()) != 5 || !strings.Contains(doc.Text(), `"Sid":"Theirs"`) {
		t.Errorf("the run ended %s %+v with %s", r.State, r.Error, doc.Text())
	}
}

func TestWhatIsNotKnownYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	for operation, codes := range map[string][]string{
		"PutConfigurationRecorder": {"InvalidRoleException"}, "PutDeliveryChannel": {"NoAvailableConfigurationRecorderException", "InsufficientDeliveryPolicyException"},
		"StartConfigurationRecorder": {"NoAvailableDeliveryChannelException"}, "DeleteDeliveryChannel": {"LastDeliveryChannelDeleteFailedException"},
	} {
		for _, code := range codes {
			t.Cleanup(a.Sandbox.Fault(sandbox.Fault{Service: "config", Operation: operation, Account: a.ID, Code: code, Times: 2}))
		}
	}
	h := remedytest.NewHarness(a.Account, Recording)
	r := h.End(t, remedytest.Case{Control: "Config.1"})
	if r.State != asr.StateVerified {
		t.Fatalf("the run ended %s %+v", r.State, r.Error)
	}
	_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	undone, err2 := h.Drive(t.Context(), r.ID)
	if remedytest.Must(t, undone, errors.Join(err, err2)); undone.State != asr.StateReverted {
		t.Errorf("the undo ended %s %+v", undone.State, undone.Error)
	}
}

// What can't be read is not taken for what isn't there.
func TestAnErrorWhileReadingIsNoEmptyAnswer(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"DescribeConfigurationRecorders", "DescribeConfigurationRecorderStatus", "DescribeDeliveryChannels"} {
		a := newAccount(t)
		t.Cleanup(a.Sandbox.Fault(sandbox.Fault{Service: "config", Operation: operation, Account: a.ID, Code: "ValidationException"}))
		if r := a.ended(""); r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code == asr.CodeRefused {
			t.Errorf("%s: the run ended %s %+v", operation, r.State, r.Error)
		}
	}
}

// Not even by force.
func TestUndoDeletesNothingOfOthers(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	h := remedytest.NewHarness(a.Account, Recording)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "Config.1"}, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	remedytest.Must(t, r, err2)
	a.stop(ourRecorder)
	a.forget(ourChannel, ourRecorder)
	a.recorder("default", nil)
	a.channel("theirs", a.bucketName())
	for _, force := range []bool{false, true} {
		_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, force)
		got, err2 := h.Drive(t.Context(), remedytest.Must(t, r.ID, err))
		if remedytest.Must(t, got, err2).State == asr.StateReverted || len(a.recorders()) != 1 {
			t.Errorf("force %t: the run ended %s %+v", force, got.State, got.Undo)
		}
	}
	out, err := a.api.DescribeDeliveryChannels(t.Context(), &configservice.DescribeDeliveryChannelsInput{})
	if c := remedytest.Must(t, out, err).DeliveryChannels; len(c) != 1 || *c[0].Name != "theirs" {
		t.Errorf("the channels are %+v", c)
	}
}

func TestARecorderOfAnAWSServiceIsNoneOfOurs(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	look := answering(func(out *configservice.DescribeConfigurationRecordersOutput) {
		out.ConfigurationRecorders = append(out.ConfigurationRecorders, types.ConfigurationRecorder{Name: aws.String("AWSConfigurationRecorderForSecurityHubAssets"), ServicePrincipal: aws.String("securityhub.amazonaws.com")})
	})
	cfg := a.Config
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), look)
	now, err := readRecording(t.Context(), cfg, a.on())
	if err != nil || now.Recorder != "" || now.Problem != "" {
		t.Errorf("got %+v, %v", now, err)
	}
}

func TestParametersThatWouldNotDo(t *testing.T) {
	for name, change := range map[string]func(d *delivery){
		"no bucket": func(d *delivery) { d.Bucket = "" }, "a bucket's ARN": func(d *delivery) { d.Bucket = "arn:aws:s3:::b" }, "a wildcard": func(d *delivery) { d.Bucket = "*" },
		"an owner that is no account": func(d *delivery) { d.Owner = "me" }, "no Region": func(d *delivery) { d.GlobalIn = "" }, "a Region of no such name": func(d *delivery) { d.GlobalIn = "*" },
	} {
		d := Recording.Controls["Config.1"]
		change(&d)
		if err := Recording.Validate(remedy.On[delivery]{Target: asr.Target{Account: "111111111111", Region: "eu-west-1"}, Params: d}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for _, region := range []string{"all", "us-east-1", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1"} {
		d := Recording.Controls["Config.1"]
		d.GlobalIn = region
		if err := Recording.Validate(remedy.On[delivery]{Target: asr.Target{Account: "111111111111", Region: "ap-southeast-1"}, Params: d}); err != nil {
			t.Errorf("%s: %v", region, err)
		}
	}
}

func TestWhatIsThereIsNeverReplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return rapid.SampledFrom([]string{"", name}).Draw(t, name) }
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		params := Recording.Controls["Config.1"]
		params.Owner = rapid.SampledFrom([]string{"", "999999999999"}).Draw(t, "owner")
		on := remedy.On[delivery]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1"}, Params: params}
		now := recording{text("role"), text("bucket"), flag("private"), flag("delivery"), text("recorder"), text("channel"), flag("on"), text("problem"), text("advice")}
		remedytest.Stable(t, Recording, on, now, "role", "bucket", "private", "delivery", "recorder", "channel", "on")
		to, err := Recording.Want(on, now)
		if err == nil && (now.Recorder != "" && to.Recorder != now.Recorder || now.Channel != "" && to.Channel != now.Channel || !to.On || params.Owner != "" && to.Bucket != now.Bucket) {
			t.Fatalf("%+v becomes %+v", now, to)
		}
	})
}
