package cloudtrail

import (
	"context"
	"errors"
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
	c.Control = "CloudTrail.1"
	return remedytest.End(t, acct, Enabled, c)
}

// clean takes away what Enabled makes.
func clean(t *testing.T, acct *remedytest.Account) {
	t.Helper()
	cfg := acct.Sandbox.Config(acct.ID, homeRegion)
	_, err := cloudtrail.NewFromConfig(cfg).DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String(ourName)})
	_, err2 := s3.NewFromConfig(cfg).DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: aws.String(strings.TrimPrefix(atHome(acct, bucket), "arn:aws:s3:::"))})
	remedytest.Must(t, 0, errors.Join(err, remedy.Unless(err2, "NoSuchBucket")))
	dropKey(t, acct, homeRegion, "alias/asr-trail")
}

// dropKey lets an alias and its key go.
func dropKey(t *testing.T, acct *remedytest.Account, region, alias string) {
	t.Helper()
	api := kms.NewFromConfig(acct.Sandbox.Config(acct.ID, region))
	key, err := api.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &alias})
	if remedy.Is(err, "NotFoundException") {
		return
	}
	_, err2 := api.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: &alias})
	_, err3 := api.ScheduleKeyDeletion(t.Context(), &kms.ScheduleKeyDeletionInput{KeyId: remedytest.Must(t, key, err).KeyMetadata.KeyId})
	remedytest.Must(t, 0, errors.Join(err2, err3))
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	home := &remedytest.Account{ID: acct.ID, Region: homeRegion, Sandbox: acct.Sandbox}
	bucketARN, keyARN, trailARN := atHome(acct, bucket), atHome(acct, alias), atHome(acct, ours)
	held, theirs := "it holds the account's audit log", newTrail(t, acct, homeRegion, "theirs", false)
	name := map[string]any{"Bucket": strings.TrimPrefix(bucketARN, "arn:aws:s3:::")}
	view := home.Boto("cloudtrail", "describe_trails", nil, "trailList").And(home.Boto("cloudtrail", "get_trail_status", map[string]any{"Name": theirs}, "IsLogging")).
		And(home.Boto("kms", "list_aliases", nil, "Aliases")).And(home.Boto("s3", "get_bucket_policy", name, "Policy")).And(home.Boto("s3", "get_public_access_block", name, ""))
	seen := []string{`describe_trails[]: none → {"HasCustomEventSelectors":false,"HasInsightSelectors":false,"HomeRegion":"us-east-1","IncludeGlobalServiceEvents":true,"IsMultiRegionTrail":true,"IsOrganizationTrail":false,"KmsKeyId":`}
	before := 0
	made := func() {
		if r := ended(t, acct, remedytest.Case{}); r.State != asr.StateVerified {
			t.Fatalf("the run ended %s %+v", r.State, r.Error)
		}
	}
	remedytest.Lifecycle(t, acct, Enabled, remedytest.Case{
		Name: "nothing is there", Control: "CloudTrail.1", Seed: func() { clean(t, acct); before = keysOf(t, acct) }, View: view,
		Seen: append(seen, `get_bucket_policy`, `get_public_access_block`, `list_aliases[]: none → {"AliasArn":"`+keyARN+`",`),
		Want: []string{
			`bucket: "" → "` + bucketARN + `"`, "delivery: false → true", `key: "" → "` + keyARN + `"`, "logging: false → true", "private: false → true", `trail: "" → "` + trailARN + `"`,
		},
		Made: []string{bucketARN, keyARN, trailARN},
		Left: []string{"bucket: " + held, "delivery: " + held, "key: without it", "private: " + held},
		Meanwhile: func() {
			if n := keysOf(t, acct) - before; n != 1 {
				t.Errorf("all the crashes made %d keys, want 1", n)
			}
		},
	}, remedytest.Case{
		Name: "bucket and key are there", Control: "CloudTrail.3", View: view, Seen: seen, Want: []string{"logging: false → true", `trail: "" → "` + trailARN + `"`}, Made: []string{trailARN},
		Seed: func() {
			clean(t, acct)
			made()
			_, err := in(acct, homeRegion).DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String(ourName)})
			remedytest.Must(t, 0, err)
		},
	}, remedytest.Case{
		Name: "our trail is there, but stopped", Control: "CloudTrail.1", Want: []string{"logging: false → true"},
		View: acct.Boto("cloudtrail", "get_trail_status", map[string]any{"Name": trailARN}, "IsLogging").And(acct.Boto("cloudtrail", "describe_trails", nil, "trailList")), Seen: []string{"get_trail_status: false → true"},
		Seed: func() {
			clean(t, acct)
			made()
			_, err := in(acct, homeRegion).StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: aws.String(ourName)})
			remedytest.Must(t, 0, err)
		},
	})
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
		if err := ourBucket(on).Make(t.Context(), cfg, on.Call); err != nil || made.LocationConstraint != where || *made.Tags[0].Key != asr.OwnerTag || *made.Tags[0].Value != "run-1" {
			t.Errorf("%s: made with %+v, %v", region, made, err)
		}
	}
}

func TestTheBucketLetsOnlyOurTrailDeliver(t *testing.T) {
	on := remedy.On[store]{Target: asr.Target{Partition: "aws-cn", Account: "111111111111", Region: "cn-north-1"}, Params: Enabled.Controls["CloudTrail.1"]}
	for _, s := range ourBucket(on).Policy[:2] {
		if got := s["Condition"].(map[string]any)["StringEquals"].(map[string]any)["aws:SourceArn"]; got != "arn:aws-cn:cloudtrail:cn-north-1:111111111111:trail/asr-trail" {
			t.Errorf("%s: the source is %v", s["Sid"], got)
		}
	}
	doc, err := remedy.ParseDocument(cmk{"alias/asr-trail", on.Expand(ours)}.policy(on.Target))
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

// What its owner set on a bucket that is there stays, in us-east-1 too, where
// S3 takes a bucket that is made twice for made.
func TestABucketThatIsThereKeepsItsSettings(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, name := s3.NewFromConfig(acct.Sandbox.Config(acct.ID, homeRegion)), strings.TrimPrefix(atHome(acct, bucket), "arn:aws:s3:::")
	_, err := api.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name})
	_, err2 := api.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &s3t.VersioningConfiguration{Status: s3t.BucketVersioningStatusEnabled}})
	_, err3 := api.PutBucketTagging(t.Context(), &s3.PutBucketTaggingInput{Bucket: &name, Tagging: &s3t.Tagging{TagSet: []s3t.Tag{{Key: aws.String("team"), Value: aws.String("audit")}}}})
	remedytest.Must(t, 0, errors.Join(err, err2, err3))
	r := ended(t, acct, remedytest.Case{})
	versioning, err := api.GetBucketVersioning(t.Context(), &s3.GetBucketVersioningInput{Bucket: &name})
	tags, err2 := api.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: &name})
	if remedytest.Must(t, r, errors.Join(err, err2)).State != asr.StateVerified || versioning.Status != s3t.BucketVersioningStatusEnabled || len(tags.TagSet) != 1 || slices.Contains(r.Made, atHome(acct, bucket)) {
		t.Errorf("the run ended %s %+v and made %v; the bucket has %s and %v", r.State, r.Error, r.Made, versioning.Status, tags.TagSet)
	}
}

// The finding of each Region means the same trail.
func TestOneTrailServesAllRegions(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	if r := ended(t, acct, remedytest.Case{}); r.State != asr.StateVerified || r.Target.Region != homeRegion {
		t.Fatalf("the run ended %s %+v in %s", r.State, r.Error, r.Target.Region)
	}
	for _, region := range []string{"us-east-1", "us-west-2"} {
		at, err := Enabled.Spec.Locate(acct.ID, region, asr.Resource{ID: "AWS::::Account:" + acct.ID, Region: region})
		now, err2 := readRecording(t.Context(), acct.Sandbox.Config(acct.ID, at.Region), remedy.On[store]{Target: at, Params: Enabled.Controls["CloudTrail.1"]})
		to, err3 := Enabled.Want(remedy.On[store]{Target: at, Params: Enabled.Controls["CloudTrail.1"]}, now)
		if err := errors.Join(err, err2, err3); err != nil || to != now || now.Trail != atHome(acct, ours) {
			t.Errorf("in %s it would become %+v from %+v: %v", region, to, now, err)
		}
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

// CloudTrail says so of a trail that it hasn't loaded yet, or that another fix
// has just changed.
func TestATrailThatIsNotReadyIsWaitedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for _, operation := range []string{"CreateTrail", "StartLogging", "DeleteTrail", "UpdateTrail"} {
		t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: "cloudtrail", Operation: operation, Account: acct.ID, Code: "ConflictException", Times: 2}))
	}
	h := remedytest.NewHarness(acct, Enabled)
	r := h.End(t, remedytest.Case{Control: "CloudTrail.1"})
	if r.State != asr.StateVerified {
		t.Fatalf("the run ended %s %+v", r.State, r.Error)
	}
	_, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	undone, err2 := h.Drive(t.Context(), r.ID)
	if remedytest.Must(t, undone, errors.Join(err, err2)); undone.State != asr.StateReverted {
		t.Errorf("the undo ended %s %+v", undone.State, undone.Error)
	}
	theirs := newTrail(t, acct, acct.Region, "audit", true)
	if r := remedytest.End(t, acct, LogValidation, remedytest.Case{Control: "CloudTrail.4", Resource: theirs}); r.State != asr.StateVerified {
		t.Errorf("the run on a trail of theirs ended %s %+v", r.State, r.Error)
	}
}

func TestAKeyThatWasNotNamedIsLeftToTheNextRun(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	stop := acct.Sandbox.Fault(sandbox.Fault{Service: "kms", Operation: "CreateAlias", Account: acct.ID, Code: "LimitExceededException"})
	first := ended(t, acct, remedytest.Case{})
	stop()
	if r := ended(t, acct, remedytest.Case{}); first.State != asr.StateFailed || r.State != asr.StateVerified || keysOf(t, acct) != 1 {
		t.Errorf("the runs ended %s and %s %+v with %d keys, want 1", first.State, r.State, r.Error, keysOf(t, acct))
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
