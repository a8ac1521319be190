package s3

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

func putRules(t *testing.T, acct *remedytest.Account, name string, size types.TransitionDefaultMinimumObjectSize, rules ...types.LifecycleRule) {
	t.Helper()
	_, err := s3.NewFromConfig(acct.Config).PutBucketLifecycleConfiguration(t.Context(), &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &name, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules}, TransitionDefaultMinimumObjectSize: size,
	})
	remedytest.Must(t, name, err)
}

// theirRules have everything that a rule can have.
func theirRules() []types.LifecycleRule {
	return []types.LifecycleRule{{
		ID: aws.String("logs & more"), Status: types.ExpirationStatusEnabled,
		Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{
			Prefix: aws.String("logs/"), ObjectSizeGreaterThan: aws.Int64(500), ObjectSizeLessThan: aws.Int64(64000), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}, {Key: aws.String("c"), Value: aws.String("")}},
		}},
		Transitions:                  []types.Transition{{Days: aws.Int32(0), StorageClass: types.TransitionStorageClassGlacierIr}, {Days: aws.Int32(90), StorageClass: types.TransitionStorageClassDeepArchive}},
		NoncurrentVersionTransitions: []types.NoncurrentVersionTransition{{NoncurrentDays: aws.Int32(5), NewerNoncurrentVersions: aws.Int32(2), StorageClass: types.TransitionStorageClassGlacier}},
		NoncurrentVersionExpiration:  &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(9), NewerNoncurrentVersions: aws.Int32(3)},
	}, {
		ID: aws.String("once"), Status: types.ExpirationStatusDisabled, Filter: &types.LifecycleRuleFilter{ObjectSizeGreaterThan: aws.Int64(1)},
		Expiration: &types.LifecycleExpiration{Date: aws.Time(time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC))},
	}, {
		ID: aws.String("markers"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
		Expiration: &types.LifecycleExpiration{ExpiredObjectDeleteMarker: aws.Bool(true)}, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(3)},
	}}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	none, some, old := newBucket(t, acct, "none"), newBucket(t, acct, "some"), newBucket(t, acct, "old")
	putRules(t, acct, some, types.TransitionDefaultMinimumObjectSizeVariesByStorageClass, theirRules()...)
	putRules(t, acct, old, "", types.LifecycleRule{ID: aws.String("since 2012"), Status: types.ExpirationStatusDisabled, Prefix: aws.String("tmp/"), Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}})
	at := "get_bucket_lifecycle_configuration."
	remedytest.Lifecycle(t, acct, Lifecycle, remedytest.Case{
		Name: "no rule at all", Control: "S3.13", Resource: acct.Expand(bucket, none), View: wholeBucket(acct, none),
		Want: []string{`rules.asr-give-up-uploads-7: none → {"enabled":true,"expiration":0,"transitions":null,"uploads":7}`},
		Seen: []string{
			at + `Error: "NoSuchLifecycleConfiguration" → none`, at + `TransitionDefaultMinimumObjectSize: none → "all_storage_classes_128K"`,
			at + `Rules: none → [{"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7},"Filter":{"Prefix":""},"ID":"asr-give-up-uploads-7","Status":"Enabled"}]`,
		},
		Foreign: func() {
			putRules(t, acct, none, "", types.LifecycleRule{
				ID: aws.String("asr-give-up-uploads-7"), Status: types.ExpirationStatusDisabled, Filter: &types.LifecycleRuleFilter{}, AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(7)},
			})
		},
	}, remedytest.Case{
		Name: "days and a class; rules with everything", Control: "S3.13", Resource: acct.Expand(bucket, some), View: wholeBucket(acct, some),
		Params: `{"transitionDays":60,"storageClass":"STANDARD_IA"}`,
		Want:   []string{`rules.asr-STANDARD_IA-60: none → {"enabled":true,"expiration":0,"transitions":{"STANDARD_IA":60},"uploads":0}`},
		Seen:   []string{at + `Rules[]: none → {"Filter":{"Prefix":""},"ID":"asr-STANDARD_IA-60","Status":"Enabled","Transitions":[{"Days":60,"StorageClass":"STANDARD_IA"}]}`},
	}, remedytest.Case{
		Name: "others add a rule meanwhile", Control: "S3.13", Resource: acct.Expand(bucket, some), Params: `{"transitionDays":60}`,
		Want: []string{`rules.asr-INTELLIGENT_TIERING-60: none → {"enabled":true,"expiration":0,"transitions":{"INTELLIGENT_TIERING":60},"uploads":0}`},
		Meanwhile: func() {
			out, err := s3.NewFromConfig(acct.Config).GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: &some})
			rules := remedytest.Must(t, out, err).Rules
			if len(rules) < 5 {
				rules = append(rules, types.LifecycleRule{ID: aws.String("new"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(3650)}})
			}
			putRules(t, acct, some, out.TransitionDefaultMinimumObjectSize, rules...)
		},
	}, remedytest.Case{
		Name: "deletion is meant; a rule with a prefix of its own", Control: "S3.13", Resource: acct.Expand(bucket, old), View: wholeBucket(acct, old),
		Params: `{"expirationDays":365,"allowDeletion":true}`,
		Want:   []string{`rules.asr-expire-365: none → {"enabled":true,"expiration":365,"transitions":null,"uploads":0}`},
		Seen:   []string{at + `Rules[]: none → {"Expiration":{"Days":365},"ID":"asr-expire-365","Prefix":"","Status":"Enabled"}`},
		Gone:   deleted(t, acct, old),
	})
	out, err := s3.NewFromConfig(acct.Config).GetBucketLifecycleConfiguration(t.Context(), &s3.GetBucketLifecycleConfigurationInput{Bucket: &some})
	if n := len(remedytest.Must(t, out, err).Rules); n != 4 || out.TransitionDefaultMinimumObjectSize != types.TransitionDefaultMinimumObjectSizeVariesByStorageClass {
		t.Errorf("in the end there are %d rules, from %s, want theirs, which are 4, from their size on", n, out.TransitionDefaultMinimumObjectSize)
	}
}

func TestARuleThatDoesWhatIsAskedForIsEnough(t *testing.T) {
	t.Parallel()
	ia := map[types.TransitionStorageClass]int32{types.TransitionStorageClassStandardIa: 60}
	for name, c := range map[string]struct {
		params age
		rule   ageing
		enough bool
	}{
		"any rule":                          {age{}, ageing{Enabled: true, Uploads: 3}, true},
		"a rule that is off":                {age{}, ageing{Transitions: ia}, false},
		"the days and the class":            {age{TransitionDays: 60, StorageClass: "STANDARD_IA"}, ageing{Enabled: true, Transitions: ia}, true},
		"the days":                          {age{TransitionDays: 60}, ageing{Enabled: true, Transitions: ia}, true},
		"the class":                         {age{StorageClass: "STANDARD_IA"}, ageing{Enabled: true, Transitions: ia}, true},
		"other days":                        {age{TransitionDays: 61}, ageing{Enabled: true, Transitions: ia}, false},
		"another class":                     {age{TransitionDays: 60, StorageClass: "GLACIER"}, ageing{Enabled: true, Transitions: ia}, false},
		"the expiration":                    {age{ExpirationDays: 90}, ageing{Enabled: true, Expiration: 90}, true},
		"the expiration without transition": {age{TransitionDays: 60, ExpirationDays: 90}, ageing{Enabled: true, Expiration: 90}, false},
	} {
		if got := c.params.satisfied(c.rule); got != c.enough {
			t.Errorf("%s: %t, want %t", name, got, c.enough)
		}
	}
}

func TestNothingIsDeletedUnlessSomebodyAllowsIt(t *testing.T) {
	t.Parallel()
	if d := Lifecycle.Controls["S3.13"]; d.ExpirationDays != 0 || d.AllowDeletion {
		t.Errorf("by default objects are deleted: %+v", d)
	}
	on := remedy.On[age]{Params: age{ExpirationDays: 30}}
	if _, err := Lifecycle.Want(on, lifecycle{}); asr.Classify(err) != asr.CodeRefused || !strings.Contains(asr.Advice(err), "allowDeletion") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestWhatS3WouldRefuseIsRefused(t *testing.T) {
	t.Parallel()
	for params, ok := range map[age]bool{
		{}: true, {TransitionDays: 1}: true, {TransitionDays: 30, StorageClass: "ONEZONE_IA"}: true, {TransitionDays: 1, ExpirationDays: 2}: true, {ExpirationDays: 36500}: true,
		{StorageClass: "STANDARD"}: false, {TransitionDays: 29, StorageClass: "STANDARD_IA"}: false, {TransitionDays: 30, ExpirationDays: 30}: false,
		{TransitionDays: -1}: false, {ExpirationDays: -1}: false, {TransitionDays: 36501}: false,
	} {
		if err := Lifecycle.Validate(remedy.On[age]{Params: params}); (err == nil) != ok {
			t.Errorf("%+v: %v", params, err)
		}
	}
	id, ours := age{}.rule()
	ours.Enabled = false
	full := lifecycle{map[string]ageing{}}
	for i := range 1000 {
		full.Rules[strings.Repeat("x", i+1)] = ageing{}
	}
	for name, now := range map[string]lifecycle{"our rule was turned off": {map[string]ageing{id: ours}}, "1,000 rules": full} {
		if _, err := Lifecycle.Want(remedy.On[age]{}, now); asr.Classify(err) != asr.CodeRefused || asr.Advice(err) == "" {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

func TestAnElementThatAsrDoesNotKnowIsNotLost(t *testing.T) {
	t.Parallel()
	for body, known := range map[string]bool{
		`<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>a</ID><Status>Enabled</Status><Filter/></Rule></LifecycleConfiguration>`: true,
		`<LifecycleConfiguration><Rule><ID>a</ID><Hibernate><Days>9</Days></Hibernate></Rule></LifecycleConfiguration>`:                                             false,
	} {
		err := familiar([]byte(body), strings.Fields(lifecycleElements))
		if (err == nil) != known || err != nil && asr.Classify(err) != asr.CodeRefused {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestRulesThatAreThereStayAsTheyAre(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.Int32Range(0, 90)
		classes := rapid.SampledFrom([]types.TransitionStorageClass{"", "STANDARD_IA", "GLACIER", "INTELLIGENT_TIERING"})
		rule := rapid.Custom(func(t *rapid.T) ageing {
			return ageing{rapid.Bool().Draw(t, "enabled"), rapid.MapOf(classes, days).Draw(t, "transitions"), days.Draw(t, "expiration"), days.Draw(t, "uploads")}
		})
		now := lifecycle{rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "asr-give-up-uploads-7", "asr-GLACIER-30"}), rule).Draw(t, "rules")}
		on := remedy.On[age]{Params: age{days.Draw(t, "days"), days.Draw(t, "expire"), classes.Draw(t, "class"), rapid.Bool().Draw(t, "allowed")}}
		remedytest.Stable(t, Lifecycle, on, now, "rules")
		to, err := Lifecycle.Want(on, now)
		if err != nil {
			return // refused
		}
		for id, was := range now.Rules {
			if is := to.Rules[id]; is.Enabled != was.Enabled || is.Expiration != was.Expiration || len(is.Transitions) != len(was.Transitions) {
				t.Fatalf("%s: %+v becomes %+v", id, was, is)
			}
		}
		for id, is := range to.Rules {
			if _, was := now.Rules[id]; !was && is.Expiration > 0 && !on.Params.AllowDeletion {
				t.Fatalf("%+v adds %s, which deletes: %+v", on.Params, id, is)
			}
		}
	})
}

func TestTheImpactSaysWhatTheRuleDoes(t *testing.T) {
	t.Parallel()
	_, r := Lifecycle.Controls["S3.13"].rule()
	if !strings.Contains(Lifecycle.Spec.Impact, fmt.Sprintf("within %d days", r.Uploads)) || r.Transitions != nil || r.Expiration != 0 {
		t.Errorf("the rule is %+v, and the impact says %s", r, Lifecycle.Spec.Impact)
	}
}
