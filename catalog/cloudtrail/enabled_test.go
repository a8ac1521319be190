package cloudtrail

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3t "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const homeRegion = "us-east-1" // of the partition

func atHome(acct *remedytest.Account, pattern string) string {
	on := remedy.On[store]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: homeRegion}, Params: Enabled.Controls["CloudTrail.1"]}
	return on.Expand(pattern)
}

func keysOf(t *testing.T, acct *remedytest.Account) int {
	t.Helper()
	out, err := kms.NewFromConfig(acct.Sandbox.Config(acct.ID, homeRegion)).ListKeys(t.Context(), &kms.ListKeysInput{})
	return len(remedytest.Must(t, out, err).Keys)
}

func start(t *testing.T, acct *remedytest.Account, arn string) {
	t.Helper()
	_, err := in(acct, strings.Split(arn, ":")[3]).StartLogging(t.Context(), &cloudtrail.StartLoggingInput{Name: aws.String(arn[strings.Index(arn, "/")+1:])})
	remedytest.Must(t, arn, err)
}

// ended runs Enabled to its end.
func ended(t *testing.T, acct *remedytest.Account, c remedytest.Case) asr.Run {
	t.Helper()
	h := remedytest.NewHarness(acct, Enabled)
	c.Control = "CloudTrail.1"
	r, err := h.Request(t.Context(), c, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	return remedytest.Must(t, r, err2)
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	bucketARN, keyARN, trailARN := atHome(acct, bucket), atHome(acct, alias), atHome(acct, ours)
	held := "it holds the account's audit log"
	view := func() any {
		out, err := in(acct, homeRegion).DescribeTrails(t.Context(), &cloudtrail.DescribeTrailsInput{})
		return remedytest.Must(t, out, err).TrailList
	}
	const stop = "cloudtrail:StopLogging"
	remedytest.Lifecycle(t, acct, granted(Enabled, func(a string) bool { return a != stop }), remedytest.Case{
		Name: "nothing is there", Control: "CloudTrail.1", View: view,
		Want: []string{
			`bucket: "" → "` + bucketARN + `"`, "delivery: false → true", `key: "" → "` + keyARN + `"`, "logging: false → true", "private: false → true", `trail: "" → "` + trailARN + `"`,
		},
		Made: []string{bucketARN, keyARN, trailARN},
		Left: []string{"bucket: " + held, "delivery: " + held, "key: without it", "private: " + held},
	}, remedytest.Case{
		Name: "bucket and key are there", Control: "CloudTrail.3", View: view,
		Want: []string{"logging: false → true", `trail: "" → "` + trailARN + `"`}, Made: []string{trailARN},
	})
	if n := keysOf(t, acct); n != 1 {
		t.Errorf("after all the crashes there are %d keys, want 1", n)
	}
	if r := ended(t, acct, remedytest.Case{}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s %+v", r.State, r.Error)
	}
	_, err := in(acct, homeRegion).StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: aws.String("asr-trail")})
	remedytest.Must(t, 0, err)
	remedytest.Lifecycle(t, acct, granted(Enabled, func(a string) bool { return a == stop || a == "cloudtrail:StartLogging" }), remedytest.Case{
		Name: "our trail is there, but stopped", Control: "CloudTrail.1", Want: []string{"logging: false → true"},
	})
}

// granted leaves a unit those write grants that a case uses: no case uses all.
func granted(u remedy.Unit[store, recording], used func(action string) bool) remedy.Unit[store, recording] {
	var left []asr.Grant
	for _, g := range u.Spec.Writes {
		g.Actions = slices.DeleteFunc(slices.Clone(g.Actions), func(a string) bool { return !used(a) })
		left = append(left, g)
	}
	u.Spec.Writes = left
	return u
}

func TestWhatTheTrailIsMadeWith(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	r := ended(t, acct, remedytest.Case{})
	cfg := acct.Sandbox.Config(acct.ID, homeRegion)
	made, err := in(acct, homeRegion).GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: aws.String("asr-trail")})
	trail := remedytest.Must(t, made, err).Trail
	key, err := kms.NewFromConfig(cfg).DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: aws.String("alias/asr-trail")})
	id := remedytest.Must(t, key, err).KeyMetadata.KeyId
	rotates, err := kms.NewFromConfig(cfg).GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: id})
	keyTags, err2 := kms.NewFromConfig(cfg).ListResourceTags(t.Context(), &kms.ListResourceTagsInput{KeyId: id})
	trailTags, err3 := in(acct, homeRegion).ListTags(t.Context(), &cloudtrail.ListTagsInput{ResourceIdList: []string{*trail.TrailARN}})
	got := []any{
		*trail.IsMultiRegionTrail, *trail.IncludeGlobalServiceEvents, *trail.LogFileValidationEnabled, remedytest.Must(t, rotates, err).KeyRotationEnabled,
		*remedytest.Must(t, keyTags, err2).Tags[0].TagValue, *remedytest.Must(t, trailTags, err3).ResourceTagList[0].TagsList[0].Value,
	}
	if diff := cmp.Diff([]any{true, true, true, true, r.ID, r.ID}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The emulator forgets a new bucket's tags, so the call itself is looked at.
func TestTheBucketIsTaggedByTheCallThatMakesIt(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for region, where := range map[string]s3t.BucketLocationConstraint{homeRegion: "", "eu-west-1": "eu-west-1"} {
		var made *s3t.CreateBucketConfiguration
		cfg := acct.Sandbox.Config(acct.ID, region)
		look := middleware.InitializeMiddlewareFunc("look", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			made = in.Parameters.(*s3.CreateBucketInput).CreateBucketConfiguration
			return next.HandleInitialize(ctx, in)
		})
		cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error { return st.Initialize.Add(look, middleware.Before) })
		on := remedy.On[store]{Target: asr.Target{Region: region, Account: acct.ID}, Params: store{Bucket: "b-" + acct.ID + "-" + region}, Call: asr.Call{Run: "run-1"}}
		if err := makeBucket(t.Context(), cfg, on); err != nil || made.LocationConstraint != where || *made.Tags[0].Key != asr.OwnerTag || *made.Tags[0].Value != "run-1" {
			t.Errorf("%s: made with %+v, %v", region, made, err)
		}
	}
}

func TestTheBucketLetsOnlyOurTrailDeliver(t *testing.T) {
	on := remedy.On[store]{Target: asr.Target{Partition: "aws-cn", Account: "111111111111", Region: "cn-north-1"}, Params: Enabled.Controls["CloudTrail.1"]}
	for _, s := range delivery(on)[:2] {
		if got := s["Condition"].(map[string]any)["StringEquals"].(map[string]any)["aws:SourceArn"]; got != "arn:aws-cn:cloudtrail:cn-north-1:111111111111:trail/asr-trail" {
			t.Errorf("%s: the source is %v", s["Sid"], got)
		}
	}
	doc, err := remedy.ParseDocument(keyPolicy(on))
	if n := len(doc.Statements()); err != nil || n != 3 || strings.Contains(doc.Text(), "arn:aws:") {
		t.Errorf("the key's policy is %s, %v", doc.Text(), err)
	}
}

// The existing statements of a bucket stay, as do those of others that deliver there.
func TestDeliveryIsAddedToTheBucketsPolicy(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, name := s3.NewFromConfig(acct.Sandbox.Config(acct.ID, homeRegion)), strings.TrimPrefix(atHome(acct, bucket), "arn:aws:s3:::")
	_, err := api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	remedytest.Must(t, 0, err)
	_, err = api.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &name, Policy: aws.String(`{"Version":"2012-10-17","Statement":{"Sid":"AsrTrailDelivers","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + name + `/*"}}`)})
	remedytest.Must(t, 0, err)
	r := ended(t, acct, remedytest.Case{})
	out, err := api.GetBucketPolicy(t.Context(), &s3.GetBucketPolicyInput{Bucket: &name})
	doc, err2 := remedy.ParseDocument(*remedytest.Must(t, out, err).Policy)
	if remedytest.Must(t, doc, err2); r.State != asr.StateVerified || len(doc.Statements()) != 4 || !strings.Contains(doc.Text(), "999999999999") {
		t.Errorf("the run ended %s %+v with %s", r.State, r.Error, doc.Text())
	}
}

func TestWithoutAKeyS3Encrypts(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	r := ended(t, acct, remedytest.Case{Params: `{"key":""}`})
	out, err := in(acct, homeRegion).GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: aws.String("asr-trail")})
	if key := remedytest.Must(t, out, err).Trail.KmsKeyId; r.State != asr.StateVerified || aws.ToString(key) != "" || keysOf(t, acct) != 0 {
		t.Errorf("the run ended %s %+v; the trail's key is %q, and there are %d keys", r.State, r.Error, aws.ToString(key), keysOf(t, acct))
	}
}

func TestAnyTrailThatRecordsEverythingWillDo(t *testing.T) {
	t.Parallel()
	all := types.EventSelector{IncludeManagementEvents: aws.Bool(true), ReadWriteType: types.ReadWriteTypeAll}
	writes, noKMS := all, all
	writes.ReadWriteType, noKMS.ExcludeManagementEventSources = types.ReadWriteTypeWriteOnly, []string{"kms.amazonaws.com"}
	category := types.AdvancedFieldSelector{Field: aws.String("eventCategory"), Equals: []string{"Management"}}
	readOnly := types.AdvancedFieldSelector{Field: aws.String("readOnly"), Equals: []string{"false"}}
	for _, c := range []struct {
		name             string
		region           string
		oneRegion, quiet bool
		basic            []types.EventSelector
		advanced         []types.AdvancedEventSelector
		want             asr.State
	}{
		{name: "by default", want: asr.StateNothingToDo},
		{name: "at home", region: homeRegion, want: asr.StateNothingToDo},
		{name: "of one Region, at home", region: homeRegion, oneRegion: true, want: asr.StateVerified},
		{name: "stopped", quiet: true, want: asr.StateVerified},
		{name: "by a selector", basic: []types.EventSelector{writes, all}, want: asr.StateNothingToDo},
		{name: "only writes", basic: []types.EventSelector{writes}, want: asr.StateVerified},
		{name: "all but those of KMS", basic: []types.EventSelector{noKMS}, want: asr.StateVerified},
		{name: "by an advanced selector", advanced: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{category}}}, want: asr.StateNothingToDo},
		{name: "only writes, by an advanced selector", advanced: []types.AdvancedEventSelector{{FieldSelectors: []types.AdvancedFieldSelector{category, readOnly}}}, want: asr.StateVerified},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			acct := remedytest.NewAccount(t)
			region := c.region
			if region == "" {
				region = "ap-south-1"
			}
			arn := newTrail(t, acct, region, "theirs", !c.oneRegion)
			if c.basic != nil || c.advanced != nil {
				_, err := in(acct, region).PutEventSelectors(t.Context(), &cloudtrail.PutEventSelectorsInput{TrailName: &arn, EventSelectors: c.basic, AdvancedEventSelectors: c.advanced})
				remedytest.Must(t, 0, err)
			}
			if !c.quiet {
				start(t, acct, arn)
			}
			if r := ended(t, acct, remedytest.Case{}); r.State != c.want {
				t.Errorf("the run ended %s %+v, want %s", r.State, r.Error, c.want)
			}
		})
	}
}

func TestWhatHasOurNamesAndIsUselessIsRefused(t *testing.T) {
	t.Parallel()
	for name, seed := range map[string]func(acct *remedytest.Account){
		"there is a trail asr-trail already, but it covers one Region only":  func(acct *remedytest.Account) { newTrail(t, acct, homeRegion, "asr-trail", false) },
		"there is a trail asr-trail in eu-west-1 already, but it is stopped": func(acct *remedytest.Account) { newTrail(t, acct, "eu-west-1", "asr-trail", true) },
		"is Disabled": func(acct *remedytest.Account) {
			api := kms.NewFromConfig(acct.Sandbox.Config(acct.ID, homeRegion))
			out, err := api.CreateKey(t.Context(), &kms.CreateKeyInput{})
			id := remedytest.Must(t, out, err).KeyMetadata.KeyId
			_, err = api.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/asr-trail"), TargetKeyId: id})
			_, err2 := api.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: id})
			remedytest.Must(t, remedytest.Must(t, 0, err), err2)
		},
	} {
		acct := remedytest.NewAccount(t)
		seed(acct)
		if r := ended(t, acct, remedytest.Case{}); r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do == "" || !strings.Contains(r.Error.Message, name) {
			t.Errorf("%s: the run ended %s %+v", name, r.State, r.Error)
		}
	}
}

func TestUndoDeletesNoTrailThatSomebodyElseMade(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTrail(t, acct, homeRegion, "asr-trail", true)
	err := deleteTrail(t.Context(), in(acct, homeRegion), remedy.On[store]{Call: asr.Call{Run: "run-1"}}, arn)
	if _, gone := in(acct, homeRegion).GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: &arn}); asr.Classify(err) != asr.CodeRefused || gone != nil {
		t.Errorf("got %v, want a refusal; the trail: %v", err, gone)
	}
}

// S3 and KMS may take a while to heed a policy: that is no reason to give up.
func TestAPolicyThatIsNotHeededYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, code := range []string{"InsufficientS3BucketPolicyException", "InsufficientEncryptionPolicyException"} {
		t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: "cloudtrail", Operation: "CreateTrail", Account: acct.ID, Code: code, Times: 2}))
	}
	if r := ended(t, acct, remedytest.Case{}); r.State != asr.StateVerified {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
}

func TestTheKeyMustBeANameOfOnesOwn(t *testing.T) {
	for key, ok := range map[string]bool{"": true, "asr-trail": true, "aws/s3": false, "alias/asr-trail": false, "arn:aws:kms:us-east-1:111111111111:key/x": false} {
		if err := Enabled.Validate(remedy.On[store]{Params: store{Key: key}}); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok=%t", key, err, ok)
		}
	}
}

func TestWantingARecordingIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string) string { return rapid.SampledFrom([]string{"", "arn:" + name}).Draw(t, name) }
		flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
		on := remedy.On[store]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: homeRegion}, Params: store{"b", rapid.SampledFrom([]string{"", "k"}).Draw(t, "alias")}}
		now := recording{text("by"), text("key"), text("bucket"), flag("private"), flag("delivery"), text("trail"), flag("logging"), text("problem")}
		remedytest.Stable(t, Enabled, on, now, "key", "bucket", "private", "delivery", "trail", "logging")
	})
}
