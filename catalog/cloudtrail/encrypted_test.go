package cloudtrail

import (
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
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newKey makes a key as somebody else would, which CloudTrail may use or not,
// and returns its ARN.
func newKey(t *testing.T, acct *remedytest.Account, alias string, cloudTrail bool) string {
	t.Helper()
	in := &kms.CreateKeyInput{}
	if cloudTrail {
		in.Policy = aws.String(cmk{trails: "arn:aws:cloudtrail:*:" + acct.ID + ":trail/*"}.policy(asr.Target{Partition: "aws", Account: acct.ID}))
	}
	api := kms.NewFromConfig(acct.Config)
	out, err := api.CreateKey(t.Context(), in)
	key := remedytest.Must(t, out, err).KeyMetadata
	if alias != "" {
		_, err := api.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/" + alias), TargetKeyId: key.KeyId})
		remedytest.Must(t, alias, err)
	}
	return *key.Arn
}

// disable turns a key off.
func disable(t *testing.T, acct *remedytest.Account, arn string) {
	t.Helper()
	_, err := kms.NewFromConfig(acct.Config).DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: aws.String(arn[strings.Index(arn, "/")+1:])})
	remedytest.Must(t, arn, err)
}

func sealed(t *testing.T, acct *remedytest.Account, trail, params string) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, Encrypted, remedytest.Case{Control: "CloudTrail.2", Resource: trail, Params: params})
}

func trailOf(t *testing.T, acct *remedytest.Account, arn string) types.Trail {
	t.Helper()
	out, err := in(acct, strings.Split(arn, ":")[3]).GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: &arn})
	return *remedytest.Must(t, out, err).Trail
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here := newTrail(t, acct, acct.Region, "audit.log-1", true)
	far := newTrail(t, acct, "us-west-2", "far", true) // its bucket is in eu-west-1
	start(t, acct, here)
	theirs := newKey(t, acct, "", true)
	_, err := in(acct, acct.Region).AddTags(t.Context(), &cloudtrail.AddTagsInput{ResourceId: &here, TagsList: []types.Tag{{Key: aws.String("team"), Value: aws.String("audit")}}})
	remedytest.Must(t, 0, err)
	west := &remedytest.Account{ID: acct.ID, Region: "us-west-2", Sandbox: acct.Sandbox}
	byAlias := acct.Expand("arn:{partition}:kms:{region}:{account}:alias/asr-cloudtrail", "")
	forget := func() {
		dropKey(t, acct, acct.Region, "alias/asr-cloudtrail")
		_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &here, KmsKeyId: aws.String("")})
		remedytest.Must(t, here, err)
	}
	set := func(key string) {
		_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &here, KmsKeyId: &key})
		remedytest.Must(t, key, err)
	}
	view := acct.Boto("cloudtrail", "get_trail", map[string]any{"Name": here}, "Trail").And(acct.Boto("cloudtrail", "list_tags", map[string]any{"ResourceIdList": []string{here}}, "")).
		And(acct.Boto("cloudtrail", "get_trail_status", map[string]any{"Name": here}, "IsLogging")).And(acct.Boto("kms", "list_aliases", nil, "Aliases"))
	seen := `get_trail.KmsKeyId: none → "arn:aws:kms:eu-west-1:` + acct.ID + `:key/`
	remedytest.Lifecycle(t, acct, Encrypted, remedytest.Case{
		Name: "no key is there", Control: "CloudTrail.2", Resource: here, Seed: forget, View: view, Seen: []string{seen, `list_aliases[]: none → {"AliasArn":"` + byAlias + `",`},
		Want: []string{`key: "" → "` + byAlias + `"`, `named: "" → "` + byAlias + `"`}, Made: []string{byAlias}, Left: []string{"named: without it"},
		Meanwhile: func() {
			_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &here, EnableLogFileValidation: aws.Bool(true)})
			remedytest.Must(t, 0, err)
		},
	}, remedytest.Case{
		Name: "the key is there", Control: "CloudTrail.2", Resource: here, View: view, Seen: []string{seen}, Want: []string{`key: "" → "` + byAlias + `"`},
		Seed:    func() { forget(); sealed(t, acct, here, ""); set("") },
		Foreign: func() { set(theirs) },
	}, remedytest.Case{
		Name: "by a key's ARN; a shadow of a trail that lives in another Region", Control: "CloudTrail.2", Resource: acct.Expand(trail, "far"), Params: `{"key":"` + theirs + `"}`,
		Want: []string{`key: "" → "` + theirs + `"`}, View: west.Boto("cloudtrail", "get_trail", map[string]any{"Name": far}, "Trail"), Seen: []string{`KmsKeyId: none → "` + theirs + `"`},
		Gone: func() {
			_, err := in(acct, "us-west-2").DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String("far")})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestATrailWithAnyKeyIsEncryptedAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn, key := newTrail(t, acct, acct.Region, "audit", true), newKey(t, acct, "asr-cloudtrail", true)
	for _, id := range []string{key, "alias/asr-cloudtrail", newKey(t, acct, "", true)} {
		_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &arn, KmsKeyId: &id})
		remedytest.Must(t, 0, err)
		if r := sealed(t, acct, arn, ""); r.State != asr.StateNothingToDo {
			t.Errorf("with %s the run ended %s %+v", id, r.State, r.Error)
		}
	}
	disable(t, acct, key) // not the one in use
	if r := sealed(t, acct, arn, ""); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
}

// A key that the playbook or a person names is the one that is used.
func TestTheKeyThatIsAskedForIsUsed(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	for name, params := range map[string]string{"by its name": `{"key":"corp/audit"}`, "by its ARN": `{"key":"%"}`} {
		arn := newTrail(t, acct, acct.Region, "audit-"+name[len("by its "):], true)
		key := newKey(t, acct, map[string]string{"by its name": "corp/audit"}[name], true)
		r := sealed(t, acct, arn, strings.Replace(params, "%", key, 1))
		if got := aws.ToString(trailOf(t, acct, arn).KmsKeyId); r.State != asr.StateVerified || got != key {
			t.Errorf("%s: the run ended %s %+v with the key %q, want %s", name, r.State, r.Error, got, key)
		}
	}
}

func TestTheKeyMustBeWhereTheBucketIs(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t) // its buckets are in eu-west-1
	arn, shadow := newTrail(t, acct, "us-west-2", "far", true), acct.Expand(trail, "far")
	r := sealed(t, acct, shadow, "")
	if r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "is in eu-west-1") || !strings.Contains(r.Error.Do, "ARN of a key") {
		t.Fatalf("the run ended %s %+v", r.State, r.Error)
	}
	key := newKey(t, acct, "", true) // which is in eu-west-1
	if r := sealed(t, acct, shadow, `{"key":"`+key+`"}`); r.State != asr.StateVerified || *trailOf(t, acct, arn).KmsKeyId != key {
		t.Errorf("with a key there the run ended %s %+v", r.State, r.Error)
	}
}

func TestABucketThatCanNotBeLookedAtIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTrail(t, acct, acct.Region, "audit", true)
	for _, code := range []string{"AccessDenied", "PermanentRedirect", "AuthorizationHeaderMalformed"} {
		stop := acct.Sandbox.Fault(sandbox.Fault{Service: "s3", Operation: "GetBucketLocation", Account: acct.ID, Code: code})
		if r := sealed(t, acct, arn, ""); r.State != asr.StateCannotPlan || r.Error == nil || r.Error.Code != asr.CodeRefused || r.Error.Do == "" {
			t.Errorf("%s: the run ended %s %+v", code, r.State, r.Error)
		}
		stop()
	}
}

// A key for one account would cut off the organization's others.
func TestAnOrganizationsTrailGetsNoKeyOfOneAccount(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTrail(t, acct, acct.Region, "org", true)
	_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &arn, IsOrganizationTrail: aws.Bool(true)})
	if r := sealed(t, acct, arn, ""); remedytest.Must(t, r, err).State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "whole organization") {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
	if r := sealed(t, acct, arn, `{"key":"`+newKey(t, acct, "", true)+`"}`); r.State != asr.StateVerified {
		t.Errorf("with a key that is named the run ended %s %+v", r.State, r.Error)
	}
}

func TestAKeyThatIsOffIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn, key := newTrail(t, acct, acct.Region, "audit", true), newKey(t, acct, "asr-cloudtrail", true)
	disable(t, acct, key)
	if r := sealed(t, acct, arn, ""); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, "is Disabled") {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
}

// Delivery would stop if CloudTrail couldn't use the key: AWS says so, and the run fails.
func TestAKeyThatCloudTrailMayNotUseIsNoSuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newTrail(t, acct, acct.Region, "audit", true)
	r := sealed(t, acct, arn, `{"key":"`+newKey(t, acct, "", false)+`"}`)
	if r.State != asr.StateFailed || r.Error == nil || !strings.Contains(r.Error.Do, "policies") || trailOf(t, acct, arn).KmsKeyId != nil {
		t.Errorf("the run ended %s %+v", r.State, r.Error)
	}
}

func TestTheKeyServesTheAccountsTrailsOnly(t *testing.T) {
	on := remedy.On[encryption]{Target: asr.Target{Partition: "aws-us-gov", Account: "111111111111", Region: "us-gov-west-1", Name: "audit"}}
	doc, err := remedy.ParseDocument(cmk{"alias/asr-cloudtrail", on.Expand(anyTrail)}.policy(on.Target))
	for _, s := range doc.Statements()[1:] {
		source := s.(map[string]any)["Condition"].(map[string]any)["ArnLike"]
		if diff := cmp.Diff(map[string]any{"aws:SourceArn": "arn:aws-us-gov:cloudtrail:us-gov-west-1:111111111111:trail/*"}, source); diff != "" || err != nil {
			t.Errorf("%v (-want +got)\n%s", err, diff)
		}
	}
	if text := doc.Text(); strings.Contains(text, "arn:aws:") || strings.Contains(text, `"AWS":"*"`) {
		t.Errorf("the policy is %s", text)
	}
}

func TestTheKeyIsAnARNOrANameOfOnesOwn(t *testing.T) {
	for key, ok := range map[string]bool{
		"asr-cloudtrail": true, "corp/audit": true, "arn:aws-cn:kms:cn-north-1:111111111111:key/1234abcd-12ab-34cd-56ef-1234567890ab": true, "arn:aws:kms:us-east-1:111111111111:key/mrk-1234": true,
		"": false, "aws/s3": false, "alias/x": false, "arn:aws:kms:us-east-1:111111111111:alias/x": false, "a.b": false, "a*": false,
	} {
		if err := Encrypted.Validate(remedy.On[encryption]{Params: encryption{key}}); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok=%t", key, err, ok)
		}
	}
}

func TestAKeyInUseIsNeverReplaced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		arn := "arn:aws:kms:eu-west-1:111111111111:key/1"
		text := func(name string) string { return rapid.SampledFrom([]string{"", "arn:" + name}).Draw(t, name) }
		on := remedy.On[encryption]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "a"}, Params: encryption{rapid.SampledFrom([]string{"k", arn}).Draw(t, "param")}}
		now := sealing{text("named"), text("key"), text("problem")}
		remedytest.Stable(t, Encrypted, on, now, "named", "key")
		to, err := Encrypted.Want(on, now)
		if now.Key != "" && to != now || err == nil && to.Key == "" {
			t.Fatalf("%+v becomes %+v, %v", now, to, err)
		}
	})
}
