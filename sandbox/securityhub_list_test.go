package sandbox

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/google/go-cmp/cmp"
)

func TestWhoSeesWhichFindings(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	owned := func(account string) func(*types.AwsSecurityFinding) {
		return func(f *types.AwsSecurityFinding) { f.AwsAccountId = &account }
	}
	report(t, client(s, memberA, here), found("a-here", owned(memberA)))
	report(t, client(s, memberA, there), found("a-there", owned(memberA)))
	report(t, client(s, memberB, there), found("b-there", owned(memberB)))
	see := func(account, region string) []string {
		out, err := client(s, account, region).GetFindings(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, f := range out.Findings {
			ids = append(ids, *f.Id)
		}
		return ids
	}
	for _, row := range []struct {
		account, region string
		want            []string
	}{
		{DefaultHub, here, []string{"a-here", "a-there", "b-there"}},
		{DefaultHub, there, []string{"a-there", "b-there"}},
		{memberA, here, []string{"a-here"}},
		{memberB, here, nil},
		{memberB, there, []string{"b-there"}},
	} {
		if got := see(row.account, row.region); !slices.Equal(got, row.want) {
			t.Errorf("%s in %s sees %v, want %v", row.account, row.region, got, row.want)
		}
	}
	c := client(s, DefaultHub, there)
	made, err := c.CreateFindingAggregator(t.Context(), &securityhub.CreateFindingAggregatorInput{RegionLinkingMode: aws.String("SPECIFIED_REGIONS"), Regions: []string{here}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := see(DefaultHub, there), []string{"a-here", "a-there", "b-there"}; !slices.Equal(got, want) {
		t.Errorf("the new aggregation Region sees %v, want %v", got, want)
	}
	if got, want := see(DefaultHub, here), []string{"a-here"}; !slices.Equal(got, want) {
		t.Errorf("the old aggregation Region sees %v, want %v", got, want)
	}
	if _, err := c.CreateFindingAggregator(t.Context(), &securityhub.CreateFindingAggregatorInput{RegionLinkingMode: aws.String("ALL_REGIONS")}); !typed[*types.LimitExceededException](err) {
		t.Errorf("a second aggregator: %v", err)
	}
	list, err := c.ListFindingAggregators(t.Context(), nil)
	if err != nil || len(list.FindingAggregators) != 1 {
		t.Fatalf("listed %v (%v)", list, err)
	}
	a, err := c.GetFindingAggregator(t.Context(), &securityhub.GetFindingAggregatorInput{FindingAggregatorArn: list.FindingAggregators[0].FindingAggregatorArn})
	if err != nil || aws.ToString(a.FindingAggregationRegion) != there || *a.FindingAggregatorArn != *made.FindingAggregatorArn {
		t.Errorf("aggregator %v (%v)", a, err)
	}
}

func TestFindingsComeInSortedPages(t *testing.T) {
	t.Parallel()
	s := hubs(t)
	c := client(s, memberA, here)
	var fs []types.AwsSecurityFinding
	var want []string
	for i := range 25 {
		id := fmt.Sprintf("f-%02d", i)
		fs = append(fs, found(id, updated(fmt.Sprintf("%02d", i+1))))
		want = append(want, id)
	}
	report(t, c, fs...)
	slices.Reverse(want)
	in := &securityhub.GetFindingsInput{SortCriteria: []types.SortCriterion{{Field: aws.String("UpdatedAt"), SortOrder: types.SortOrderDescending}}, MaxResults: aws.Int32(10)}
	var got []string
	var token *string
	for pages := securityhub.NewGetFindingsPaginator(c, in); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Findings {
			got = append(got, *f.Id)
		}
		if token == nil {
			token = page.NextToken
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	bad := map[string]*securityhub.GetFindingsInput{
		"a made-up token":            {NextToken: aws.String("xyz")},
		"another question's token":   {NextToken: token},
		"too many results at once":   {MaxResults: aws.Int32(101)},
		"no such attribute to sort":  {SortCriteria: []types.SortCriterion{{Field: aws.String("Colour")}}},
		"a filter without its value": {Filters: &types.AwsSecurityFindingFilters{Id: []types.StringFilter{{Comparison: types.StringFilterComparisonEquals}}}},
	}
	for name, in := range bad {
		if _, err := c.GetFindings(t.Context(), in); !typed[*types.InvalidInputException](err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	in = &securityhub.GetFindingsInput{Filters: &types.AwsSecurityFindingFilters{MalwareName: []types.StringFilter{{Value: aws.String("x"), Comparison: types.StringFilterComparisonEquals}}}}
	if _, err := c.GetFindings(t.Context(), in); code(err) != "NotImplemented" || !slices.Equal(s.Missing(), []string{"securityhub:GetFindings"}) {
		t.Errorf("a filter that the overlay lacks: %v; missing %v", err, s.Missing())
	}
}
