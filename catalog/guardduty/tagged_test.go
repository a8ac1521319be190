package guardduty

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newFilter(t *testing.T, acct *remedytest.Account, detector, name string, tags map[string]string) string {
	t.Helper()
	_, err := guardduty.NewFromConfig(acct.Config).CreateFilter(t.Context(), &guardduty.CreateFilterInput{
		DetectorId: &detector, Name: &name, Action: types.FilterActionArchive, Rank: aws.Int32(1), Tags: tags, Description: aws.String("port scans by ourselves"),
		FindingCriteria: &types.FindingCriteria{Criterion: map[string]types.Condition{"type": {Equals: []string{"Recon:EC2/Portscan"}}}},
	})
	return remedytest.Must(t, acct.Expand(resource, detector+"/filter/"+name), err)
}

func TestTagged(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := guardduty.NewFromConfig(acct.Config)
	id := newDetector(t, acct, true, map[string]string{"team": "soc", "Owner": "ada"})
	filter := newFilter(t, acct, id, "port-scans", nil)
	tag := func(arn, key, value string) func() {
		return func() {
			_, err := api.TagResource(t.Context(), &guardduty.TagResourceInput{ResourceArn: &arn, Tags: map[string]string{key: value}})
			remedytest.Must(t, key, err)
		}
	}
	remedytest.Lifecycle(t, acct, Tagged, remedytest.Case{
		Name: "a filter without tags, and no keys are asked for", Control: "GuardDuty.2", Resource: filter, Want: []string{`tags[asr:tagged]: none → ""`},
		View: acct.Boto("guardduty", "get_filter", map[string]any{"DetectorId": id, "FilterName": "port-scans"}, ""), Seen: []string{`Tags[asr:tagged]: none → ""`},
		Gone: func() {
			_, err := api.DeleteFilter(t.Context(), &guardduty.DeleteFilterInput{DetectorId: &id, FilterName: aws.String("port-scans")})
			remedytest.Must(t, id, err)
		},
	}, remedytest.Case{
		Name: "a detector lacks two of three keys, and the owner fills one in", Control: "GuardDuty.4", Resource: acct.Expand(resource, id), Params: `{"keys":["Owner","Stage","Cost"]}`,
		Want: []string{`tags.Cost: none → ""`, `tags.Stage: none → ""`},
		View: view(acct, id), Seen: []string{`Tags.Cost: none → ""`, `Tags.Stage: none → ""`},
		Foreign: tag(acct.Expand(resource, id), "Stage", "live"),
	}, remedytest.Case{
		Name: "others tag it too", Control: "GuardDuty.4", Resource: acct.Expand(resource, id), Params: `{"keys":["Class"]}`, Want: []string{`tags.Class: none → ""`},
		Meanwhile: tag(acct.Expand(resource, id), "other", "x"),
		Gone:      func() { deleteDetector(t, acct) },
	})
}

func TestATagThatIsThereKeepsItsValue(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDetector(t, acct, true, map[string]string{"Owner": "ada"})
	r := remedytest.End(t, acct, Tagged, remedytest.Case{Control: "GuardDuty.4", Resource: acct.Expand(resource, id), Params: `{"keys":["Owner","Stage"]}`})
	out, err := guardduty.NewFromConfig(acct.Config).GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: &id})
	if diff := cmp.Diff(map[string]string{"Owner": "ada", "Stage": ""}, remedytest.Must(t, out, err).Tags); diff != "" || r.State != asr.StateVerified {
		t.Errorf("the run ended %s: tags (-want +got)\n%s", r.State, diff)
	}
}

// A single key, or several with commas, as Security Hub and Config write them.
func TestASingleKeyIsNotTakenForItsLetters(t *testing.T) {
	t.Parallel()
	book, err := playbook.Load()
	remedytest.Must(t, book, err)
	for given, want := range map[string]string{`"Owner"`: `["Owner"]`, `"Owner, Stage"`: `["Owner","Stage"]`, `["Owner"]`: `["Owner"]`} {
		for _, control := range []string{"GuardDuty.2", "GuardDuty.4"} {
			m, err := book.Match(asr.Finding{Provider: asr.Provider{Control: control, Parameters: map[string]json.RawMessage{"requiredTagKeys": json.RawMessage(given)}}})
			if got := string(m.Finding["keys"]); err != nil || got != want {
				t.Errorf("%s: %s becomes %s, want %s: %v", control, given, got, want, err)
			}
		}
	}
}

func TestSpacesAroundKeysDontCount(t *testing.T) {
	on := remedy.On[labels]{Params: labels{Keys: []string{" Owner", "", "Stage "}}}
	got, err := Tagged.Want(on, tags{})
	if diff := cmp.Diff(map[string]string{"Owner": "", "Stage": ""}, got.Tags); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestWhatHasATagIsRightIfNoKeysAreAskedFor(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDetector(t, acct, true, map[string]string{"any": ""})
	for name, c := range map[string]remedytest.Case{
		"any tag":            {Control: "GuardDuty.4", Resource: acct.Expand(resource, id)},
		"all that are asked": {Control: "GuardDuty.4", Resource: acct.Expand(resource, id), Params: `{"keys":["any"]}`},
		"no such filter":     {Control: "GuardDuty.2", Resource: acct.Expand(resource, id+"/filter/none")},
		"another detector":   {Control: "GuardDuty.4", Resource: acct.Expand(resource, "0123456789abcdef0123456789abcdef")},
	} {
		if r := remedytest.End(t, acct, Tagged, c); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v", name, r.State, r.Error)
		}
	}
}

func TestMoreTagsThanAWSTakesAreRefused(t *testing.T) {
	full := map[string]string{}
	for n := range tagLimit {
		full[fmt.Sprint("k", n)] = "v"
	}
	_, err := Tagged.Want(remedy.On[labels]{Params: labels{Keys: []string{"Owner"}}}, tags{full})
	if asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
	delete(full, "k0")
	if _, err := Tagged.Want(remedy.On[labels]{Params: labels{Keys: []string{"Owner"}}}, tags{full}); err != nil {
		t.Errorf("50 tags: %v", err)
	}
}

func TestKeysThatAWSWouldRefuseAreRefusedFirst(t *testing.T) {
	for key, ok := range map[string]bool{"Owner": true, "a/b:c": true, "cost-centre_1": true, "two words": false, "aws:x": false, "AWS:x": false, "é": false} {
		if err := Tagged.Validate(remedy.On[labels]{Params: labels{Keys: []string{key}}}); (err == nil) != ok {
			t.Errorf("%q: %v", key, err)
		}
		if err := Tagged.Validate(remedy.On[labels]{Params: labels{Fallback: key}}); (err == nil) != ok {
			t.Errorf("fallback %q: %v", key, err)
		}
	}
	if err := Tagged.Validate(remedy.On[labels]{}); err == nil {
		t.Error("neither keys nor a fallback are taken")
	}
}

func TestADetectorOfAnyPartitionIsAResource(t *testing.T) {
	for id, region := range map[string]string{
		"arn:aws-us-gov:guardduty:us-gov-west-1:111111111111:detector/0123456789abcdef0123456789abcdef":      "us-gov-west-1",
		"arn:aws-cn:guardduty:cn-north-1:111111111111:detector/0123456789abcdef0123456789abcdef/filter/mine": "cn-north-1",
	} {
		got, err := Tagged.Spec.Locate("111111111111", region, asr.Resource{ID: id})
		if err != nil || got.Expand(resource) != id {
			t.Errorf("%s is located as %+v: %v", id, got, err)
		}
	}
}

func TestNoTagIsEverTakenOrChanged(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]string{"Owner", "Stage", "Cost"})
		now := tags{rapid.MapOf(key, rapid.SampledFrom([]string{"", "x", "y"})).Draw(t, "now")}
		on := remedy.On[labels]{Params: labels{rapid.SliceOf(key).Draw(t, "keys"), "asr:tagged"}}
		remedytest.Stable(t, Tagged, on, now, "tags")
		got, err := Tagged.Want(on, now)
		kept := maps.Clone(got.Tags)
		maps.DeleteFunc(kept, func(k, _ string) bool { _, was := now.Tags[k]; return !was })
		if err != nil || !maps.Equal(kept, now.Tags) || len(got.Tags) == 0 {
			t.Fatalf("%v becomes %v for %+v: %v", now.Tags, got.Tags, on.Params, err)
		}
	})
}
