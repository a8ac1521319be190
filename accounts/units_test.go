package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/accounts"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

// forest is an organization from above: what is in each unit, a page of one each.
type forest struct {
	units    map[string][]string // "id name"
	accounts map[string][]string
	asked    []string
	fail     func(question string) error
}

func (f *forest) ask(question string) error {
	f.asked = append(f.asked, question)
	if f.fail == nil {
		return nil
	}
	return f.fail(question)
}

// turn is a page of one item, and the token of the next.
func turn(all []string, token *string) (item []string, next *string) {
	n := 0
	_, _ = fmt.Sscan(aws.ToString(token), &n) // 0 at first
	if n < len(all) {
		item = all[n : n+1]
	}
	if n+1 < len(all) {
		next = aws.String(fmt.Sprint(n + 1))
	}
	return item, next
}

func (f *forest) ListRoots(context.Context, *organizations.ListRootsInput, ...func(*organizations.Options)) (*organizations.ListRootsOutput, error) {
	return &organizations.ListRootsOutput{Roots: []types.Root{{Id: aws.String("r-1"), Name: aws.String("Root")}}}, f.ask("roots")
}

func (f *forest) ListOrganizationalUnitsForParent(_ context.Context, in *organizations.ListOrganizationalUnitsForParentInput, _ ...func(*organizations.Options)) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	out := &organizations.ListOrganizationalUnitsForParentOutput{}
	var items []string
	items, out.NextToken = turn(f.units[*in.ParentId], in.NextToken)
	for _, text := range items {
		id, name, _ := strings.Cut(text, " ")
		out.OrganizationalUnits = append(out.OrganizationalUnits, types.OrganizationalUnit{Id: &id, Name: &name})
	}
	return out, f.ask("units of " + *in.ParentId)
}

func (f *forest) ListAccountsForParent(_ context.Context, in *organizations.ListAccountsForParentInput, _ ...func(*organizations.Options)) (*organizations.ListAccountsForParentOutput, error) {
	out := &organizations.ListAccountsForParentOutput{}
	var items []string
	items, out.NextToken = turn(f.accounts[*in.ParentId], in.NextToken)
	for _, id := range items {
		out.Accounts = append(out.Accounts, types.Account{Id: &id})
	}
	return out, f.ask("accounts of " + *in.ParentId)
}

const three, four, five = "333333333333", "444444444444", "555555555555"

func woods() (*forest, *accounts.Units, *time.Time) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	f := &forest{
		units:    map[string][]string{"r-1": {"ou-shop Shop", "ou-bank Bank"}, "ou-shop": {"ou-eu Europe", "ou-us America"}, "ou-bank": {"ou-beu Europe"}},
		accounts: map[string][]string{"r-1": {five}, "ou-shop": {one}, "ou-eu": {two, three}, "ou-beu": {four}},
	}
	return f, accounts.NewUnits(f, func() time.Time { return now }), &now
}

// covers: W18
func TestAllAccountsBelowAUnitAreFoundHoweverDeep(t *testing.T) {
	t.Parallel()
	for units, want := range map[string][]string{
		"Shop":           {one, two, three},
		"ou-shop":        {one, two, three},
		"Europe":         {two, three, four},
		"ou-eu America":  {two, three},
		"Shop ou-eu":     {one, two, three}, // each once
		"ou-b*":          {four},
		"Root":           {one, two, three, four, five},
		"r-1":            {one, two, three, four, five},
		"shop":           nil, // names have their capitals
		"America":        nil,
		"Shop* *America": {one, two, three},
	} {
		_, u, _ := woods()
		got, err := u.Below(t.Context(), strings.Fields(units))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", units, err, diff)
		}
	}
}

func TestOfUnitsThatNobodyWantsNoAccountsAreRead(t *testing.T) {
	t.Parallel()
	f, u, _ := woods()
	if _, err := u.Below(t.Context(), []string{"ou-us"}); err != nil || slices.Contains(f.asked, "accounts of ou-eu") || !slices.Contains(f.asked, "accounts of ou-us") {
		t.Errorf("%v, asked %v", err, f.asked)
	}
}

// covers: W16
func TestUnitsAreRememberedForAnHourAndShared(t *testing.T) {
	t.Parallel()
	f, first, now := woods()
	second, shared := accounts.NewUnits(f, func() time.Time { return *now }), board{}
	first.Shared, second.Shared = shared, shared
	asks := func(u *accounts.Units, units ...string) int {
		t.Helper()
		before := len(f.asked)
		if _, err := u.Below(t.Context(), units); err != nil {
			t.Fatal(err)
		}
		return len(f.asked) - before
	}
	if asks(first, "Shop") == 0 || asks(second, "Shop") != 0 || asks(first, "Shop") != 0 {
		t.Fatal("both asked, or none did")
	}
	if n := asks(first, "Europe"); n != 1 { // the Bank's: all units are known, and the Shop's accounts
		t.Errorf("other units take %d questions", n)
	}
	*now = now.Add(time.Hour - time.Second)
	if asks(second, "Shop") != 0 {
		t.Error("within the hour it asks again")
	}
	*now = now.Add(2 * time.Second)
	f.accounts["ou-us"] = []string{"666666666666"}
	got, err := second.Below(t.Context(), []string{"Shop"})
	if err != nil || len(got) != 4 {
		t.Errorf("after the hour: %v, %v", got, err)
	}
}

func TestAnAnswerOfUnitsIsAsOldAsItsOldestPart(t *testing.T) {
	t.Parallel()
	f, u, now := woods()
	ask := func(units string) int {
		t.Helper()
		before := len(f.asked)
		if _, err := u.Below(t.Context(), []string{units}); err != nil {
			t.Fatal(err)
		}
		return len(f.asked) - before
	}
	ask("Shop")
	*now = now.Add(50 * time.Minute)
	ask("Bank") // the units are known since 50 minutes
	*now = now.Add(11 * time.Minute)
	if ask("Bank") == 0 {
		t.Error("units are believed for longer than an hour")
	}
}

func TestWhatIsSharedOfUnitsIsBelievedIfItIsAccountIds(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a pattern":   `{"accounts":["*"],"until":"2026-03-01T12:30:00Z"}`,
		"for a year":  `{"accounts":["999999999999"],"until":"2027-03-01T00:00:00Z"}`,
		"expired":     `{"accounts":["999999999999"],"until":"2026-03-01T12:00:00Z"}`,
		"not ours":    `{`,
		"of no until": `{"accounts":["999999999999"]}`,
	} {
		f, u, _ := woods()
		var key string
		u.Shared = spied{&key}
		if _, err := u.Below(t.Context(), []string{"Shop"}); err != nil || key == "" {
			t.Fatal(key, err)
		}
		u = accounts.NewUnits(f, func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) })
		u.Shared = board{key: text}
		if got, err := u.Below(t.Context(), []string{"Shop"}); err != nil || len(got) != 3 {
			t.Errorf("%s: it is believed: %v, %v", name, got, err)
		}
	}
}

// spied is a memory that tells the last name that was asked for.
type spied struct{ key *string }

func (s spied) Setting(_ context.Context, name string) (string, error) { *s.key = name; return "", nil }
func (s spied) SetSetting(context.Context, string, string) error       { return nil }

// covers: W18
func TestUnitsThatCantAllBeReadHaveNoAccountsAndWhatIsKnownIsKept(t *testing.T) {
	t.Parallel()
	f, u, now := woods()
	busy := true
	f.fail = func(question string) error {
		if busy && question == "units of ou-bank" {
			return &smithy.GenericAPIError{Code: "TooManyRequestsException"}
		}
		return nil
	}
	got, err := u.Below(t.Context(), []string{"Shop"})
	if got != nil || asr.Classify(err) != asr.CodeThrottled || asr.Advice(err) == "" {
		t.Fatalf("%v, %v", got, err)
	}
	busy = false
	before := len(f.asked)
	if _, err := u.Below(t.Context(), []string{"Shop"}); err == nil || len(f.asked) > before {
		t.Error("it is asked again at once")
	}
	*now = now.Add(6 * time.Second)
	got, err = u.Below(t.Context(), []string{"Shop"})
	if len(got) != 3 || err != nil || slices.Contains(f.asked[before:], "roots") {
		t.Errorf("%v, %v, asked %v", got, err, f.asked[before:])
	}
	f.fail = func(string) error { return errors.New("AccessDenied") }
	*now = now.Add(2 * time.Hour)
	if got, err := u.Below(t.Context(), []string{"Shop"}); got != nil || !strings.Contains(asr.Advice(err), "organizations:ListRoots") {
		t.Errorf("refused: %v, %v", got, err)
	}
}
