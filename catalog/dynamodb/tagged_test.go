package dynamodb

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func setTag(t *testing.T, acct *remedytest.Account, name, key string, value *string) {
	t.Helper()
	api, arn := dynamodb.NewFromConfig(acct.Config), acct.Expand(table, name)
	_, err := api.UntagResource(t.Context(), &dynamodb.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{key}})
	if err == nil && value != nil {
		_, err = api.TagResource(t.Context(), &dynamodb.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: &key, Value: value}}})
	}
	remedytest.Must(t, key, err)
}

func TestTagged(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	remedytest.Lifecycle(t, acct, Tagged, remedytest.Case{
		Name: "two of three are missing", Control: "DynamoDB.5", Resource: acct.Expand(table, "orders"), Params: `{"keys": ["team", "owner", "cost"], "value": "unknown"}`,
		Want:    []string{`tags.cost: none → "unknown"`, `tags.owner: none → "unknown"`},
		View:    viewOfTable(acct, "orders"),
		Seen:    []string{`list_tags_of_resource[]: none → {"Key":"cost","Value":"unknown"}`, `list_tags_of_resource[]: none → {"Key":"owner","Value":"unknown"}`},
		Foreign: func() { setTag(t, acct, "orders", "owner", aws.String("ada")) },
	}, remedytest.Case{
		Name: "others tag it meanwhile", Control: "DynamoDB.5", Resource: acct.Expand(table, "orders"), Params: `{"keys": ["data"], "value": "public"}`,
		Want: []string{`tags.data: none → "public"`},
		Meanwhile: func() {
			setTag(t, acct, "orders", "theirs", aws.String("x"))
			setTag(t, acct, "orders", "team", aws.String("new"))
		},
		Gone: gone(t, acct, "orders"),
	})
}

func tagsOf(t *testing.T, acct *remedytest.Account, name string) map[string]string {
	t.Helper()
	now, err := Tagged.Read(t.Context(), acct.Config, onTable(acct, name, required{}))
	return remedytest.Must(t, now, err).Tags
}

func TestTagsThatAreThereKeepTheirValues(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders")
	_, r := ended(t, acct, Tagged, "DynamoDB.5", "orders", `{"keys": ["team", "empty", "owner"], "value": "unknown"}`)
	if diff := cmp.Diff(map[string]string{"team": "shop", "empty": "", "owner": "unknown"}, tagsOf(t, acct, "orders")); r.State != asr.StateVerified || diff != "" {
		t.Errorf("the run ended %s (-want +got)\n%s", r.State, diff)
	}
}

func TestAllPagesOfTagsAreRead(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newTable(t, acct, "orders", func(in *dynamodb.CreateTableInput) {
		for i := range 25 {
			in.Tags = append(in.Tags, types.Tag{Key: aws.String(fmt.Sprintf("tag%02d", i)), Value: aws.String("v")})
		}
	})
	if _, r := ended(t, acct, Tagged, "DynamoDB.5", "orders", `{"keys": ["tag00", "tag24"]}`); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestOneKeyIsAListOfOneAndAnAllDigitKeyStaysText(t *testing.T) {
	for params, want := range map[string][]string{`{"keys":["owner"]}`: {"owner"}, `{"keys":["2024","true"]}`: {"2024", "true"}} {
		var got required
		if err := json.Unmarshal([]byte(params), &got); err != nil || !cmp.Equal(want, got.Keys) {
			t.Errorf("%s: %v %v", params, got, err)
		}
		to, err := Tagged.Want(remedy.On[required]{Params: required{got.Keys, "v"}}, tags{})
		if err != nil || len(to.Tags) != len(want) || to.Tags[want[0]] != "v" {
			t.Errorf("%s: %v %v", params, to, err)
		}
	}
	var one required
	if err := json.Unmarshal([]byte(`{"keys":"owner"}`), &one); err == nil {
		t.Error("a text is taken for a list of keys")
	}
}

func TestWhichTagsAreAdded(t *testing.T) {
	full := map[string]string{}
	for i := range mostTags {
		full[fmt.Sprint(i)] = ""
	}
	for name, c := range map[string]struct {
		asked required
		now   map[string]string
		want  map[string]string // nil: refused
	}{
		"any tag will do":            {required{}, map[string]string{"a": ""}, map[string]string{"a": ""}},
		"no tags, and no keys said":  {required{Value: "v"}, nil, nil},
		"no value said":              {required{Keys: []string{"a"}}, map[string]string{"b": ""}, nil},
		"no value said, none needed": {required{Keys: []string{"a"}}, map[string]string{"a": ""}, map[string]string{"a": ""}},
		"the first tag":              {required{[]string{"a"}, "v"}, nil, map[string]string{"a": "v"}},
		"keys differ in their case":  {required{[]string{"Owner"}, "v"}, map[string]string{"owner": "x"}, map[string]string{"owner": "x", "Owner": "v"}},
		"one too many":               {required{[]string{"a"}, "v"}, full, nil},
	} {
		to, err := Tagged.Want(remedy.On[required]{Params: c.asked}, tags{c.now})
		if refused := asr.Classify(err) == asr.CodeRefused; err != nil && !refused || (err != nil) != (c.want == nil) || err == nil && !maps.Equal(c.want, to.Tags) {
			t.Errorf("%s: %v, %v", name, to, err)
		}
	}
}

func TestWhichTagsAWSTakes(t *testing.T) {
	for name, c := range map[string]struct {
		p  required
		ok bool
	}{
		"no keys":          {required{}, true},
		"a key":            {required{[]string{"owner"}, ""}, true},
		"an empty key":     {required{[]string{""}, ""}, false},
		"a key of AWS's":   {required{[]string{"aws:owner"}, ""}, false},
		"128 characters":   {required{[]string{strings.Repeat("ü", 128)}, ""}, true},
		"129 characters":   {required{[]string{strings.Repeat("ü", 129)}, ""}, false},
		"a value too long": {required{[]string{"a"}, strings.Repeat("v", 257)}, false},
	} {
		if err := Tagged.Validate(remedy.On[required]{Params: c.p}); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTagsOfAWSAreNoTagsOfTheOwners(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	cfg := answering(acct.Config, func(any) (any, error) {
		return &dynamodb.ListTagsOfResourceOutput{Tags: []types.Tag{{Key: aws.String("aws:cloudformation:stack-name"), Value: aws.String("s")}}}, nil
	})
	if got, err := Tagged.Read(t.Context(), cfg, onTable(acct, "orders", required{})); err != nil || len(got.Tags) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTagsAreOnlyEverAdded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		on := remedy.On[required]{Params: required{rapid.SliceOf(key).Draw(t, "keys"), rapid.SampledFrom([]string{"", "v"}).Draw(t, "value")}}
		now := tags{rapid.MapOf(key, rapid.SampledFrom([]string{"", "x", "y"})).Draw(t, "tags")}
		remedytest.Stable(t, Tagged, on, now, "tags")
		to, err := Tagged.Want(on, now)
		if err != nil {
			return
		}
		for k, v := range now.Tags {
			if is, there := to.Tags[k]; !there || is != v {
				t.Fatalf("%s was %q and becomes %q", k, v, is)
			}
		}
		for _, k := range on.Params.Keys {
			if _, there := to.Tags[k]; !there {
				t.Fatalf("%s is missing from %v", k, to)
			}
		}
	})
}
