package accounts_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/accounts"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/google/go-cmp/cmp"
)

// tree is an organization of which the tests know each question.
type tree struct {
	parents map[string]string
	asked   []string
	fail    error
}

func (o *tree) ask(what string) error {
	o.asked = append(o.asked, what)
	return o.fail
}

func (o *tree) ListParents(_ context.Context, in *organizations.ListParentsInput, _ ...func(*organizations.Options)) (*organizations.ListParentsOutput, error) {
	parent := o.parents[*in.ChildId]
	kind := types.ParentTypeOrganizationalUnit
	if strings.HasPrefix(parent, "r-") {
		kind = types.ParentTypeRoot
	}
	return &organizations.ListParentsOutput{Parents: []types.Parent{{Id: &parent, Type: kind}}}, o.ask("parents of " + *in.ChildId)
}

func (o *tree) DescribeOrganizationalUnit(_ context.Context, in *organizations.DescribeOrganizationalUnitInput, _ ...func(*organizations.Options)) (*organizations.DescribeOrganizationalUnitOutput, error) {
	name := strings.ToUpper(*in.OrganizationalUnitId)
	return &organizations.DescribeOrganizationalUnitOutput{OrganizationalUnit: &types.OrganizationalUnit{Name: &name}}, o.ask("name of " + *in.OrganizationalUnitId)
}

func (o *tree) ListTagsForResource(_ context.Context, in *organizations.ListTagsForResourceInput, _ ...func(*organizations.Options)) (*organizations.ListTagsForResourceOutput, error) {
	if in.NextToken == nil {
		return &organizations.ListTagsForResourceOutput{Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("prod")}}, NextToken: aws.String("2")}, o.ask("tags of " + *in.ResourceId)
	}
	return &organizations.ListTagsForResourceOutput{Tags: []types.Tag{{Key: aws.String("team"), Value: in.ResourceId}}}, o.ask("more tags of " + *in.ResourceId)
}

const one, two = "111111111111", "222222222222"

func organization() (*tree, *accounts.Organization, *time.Time) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	o := &tree{parents: map[string]string{one: "ou-b", two: "ou-b", "ou-b": "ou-a", "ou-a": "r-1"}}
	return o, accounts.New(o, func() time.Time { return now }), &now
}

// covers: W18
func TestAnAccountIsInAllUnitsAboveIt(t *testing.T) {
	t.Parallel()
	o, a, _ := organization()
	got, err := a.Account(t.Context(), one)
	want := asr.Account{OUs: []string{"ou-b", "OU-B", "ou-a", "OU-A", "r-1", "Root"}, Tags: map[string]string{"env": "prod", "team": one}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	o.asked = nil
	if _, err := a.Account(t.Context(), two); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"parents of " + two, "name of ou-b", "tags of " + two, "more tags of " + two}, o.asked); diff != "" {
		t.Errorf("units are asked for once: %s", diff)
	}
}

func TestAnAnswerHoldsForAnHourAndARefusalForAMinute(t *testing.T) {
	t.Parallel()
	o, a, now := organization()
	questions := func() int {
		before := len(o.asked)
		_, err := a.Account(t.Context(), one)
		if (err != nil) != (o.fail != nil) && len(o.asked) > before {
			t.Errorf("error %v, while Organizations says %v", err, o.fail)
		}
		return len(o.asked) - before
	}
	o.fail = errors.New("AccessDenied")
	for _, step := range []struct {
		after time.Duration
		asks  bool
	}{{0, true}, {59 * time.Second, false}, {2 * time.Second, true}, {time.Hour - time.Second, false}, {2 * time.Second, true}} {
		*now = now.Add(step.after)
		if got := questions() > 0; got != step.asks {
			t.Errorf("after %s it asks: %v, want %v", step.after, got, step.asks)
		}
		if step.after == 59*time.Second {
			o.fail = nil
		}
	}
}

func TestARefusalSaysWhatToAllow(t *testing.T) {
	t.Parallel()
	o, a, _ := organization()
	o.fail = errors.New("AccessDenied")
	got, err := a.Account(t.Context(), one)
	if got.OUs != nil || got.Tags != nil || !strings.Contains(asr.Advice(err), "organizations:ListParents") {
		t.Errorf("got %+v, %v (%s)", got, err, asr.Advice(err))
	}
}

func TestAFileTellsOfTheAccountsThatItLists(t *testing.T) {
	t.Parallel()
	f, err := accounts.Parse("a.yaml", strings.NewReader("accounts:\n  \"111111111111\": {ous: [Prod, ou-1], tags: {env: prod}}\n  \"222222222222\": {ous: []}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Account(t.Context(), one)
	if diff := cmp.Diff(asr.Account{OUs: []string{"Prod", "ou-1"}, Tags: map[string]string{"env": "prod"}}, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if got, err := f.Account(t.Context(), two); err != nil || got.OUs == nil || got.Tags != nil {
		t.Errorf("what the file leaves out is not known: %+v, %v", got, err)
	}
	if _, err := f.Account(t.Context(), "333333333333"); asr.Classify(err) != asr.CodeNotFound || asr.Advice(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestAMistakeInAFileOfAccountsIsToldWithItsLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"accounts:\n  prod: {ous: [a]}\n":                   "a.yaml:2: accounts.prod: no account id",
		"accounts:\n  \"111111111111\": {ou: [a]}\n":        "a.yaml:2: accounts.111111111111.ou: unknown field",
		"accounts:\n  \"111111111111\":\n    ous: {a: b}\n": "a.yaml:3: accounts.111111111111.ous: a list is wanted",
		"accounts:\n  \"111111111111\": {tags: {a: [b]}}\n": "a.yaml:2: accounts.111111111111.tags.a: a text is wanted",
		"accounts: {}\naccounts: {}\n":                      "a.yaml:2: accounts: it is there twice",
	} {
		_, err := accounts.Parse("a.yaml", strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	if _, err := accounts.Load(t.TempDir() + "/none.yaml"); asr.Classify(err) != asr.CodeBadInput {
		t.Errorf("got %v", err)
	}
}
