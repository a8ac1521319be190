package cost

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/workflow"
	"pgregory.net/rapid"
)

// existing is what the existing solution's guide comes to for its large size:
// 1,000 accounts × 10 Regions, 300,000 remediations; the sum of its own rows.
const existing = 10_418.85

func deployment(t testing.TB) Deployment {
	t.Helper()
	d, err := Read(realTemplates(t), []byte(workflow.Run()), []byte(workflow.Sync()))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func bill(t rapid.TB, s Size, d Deployment) Bill {
	t.Helper()
	prices, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Compute(s, d, prices)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheLargeSizeCostsLessThanATwentiethOfTheExistingSolution(t *testing.T) {
	t.Parallel()
	b := bill(t, Sizes["large"], deployment(t))
	if most := existing / 20; b.Total >= most {
		t.Errorf("$%.2f a month, want less than $%.2f: %s", b.Total, most, told(b))
	}
}

func TestDrivingAOneWriteRunCostsAtMostATwentiethOfACent(t *testing.T) {
	t.Parallel()
	if b := bill(t, Size{}, deployment(t)); b.Orchestration > 0.0005 || b.Orchestration <= 0 {
		t.Errorf("$%.6f for %v transitions and their functions, want at most $0.0005", b.Orchestration, b.Transitions)
	}
}

func TestAQuarterOfTheRemediationsWaitsAtMost(t *testing.T) {
	t.Parallel()
	units := catalog.All(nil)
	waiting := 0
	for _, u := range units {
		if u.Spec.Settle > 5*time.Second { // what apply waits for itself
			waiting++
		}
	}
	if share := float64(waiting) / float64(len(units)); share > assume("waits") || len(units) == 0 {
		t.Errorf("%d of %d wait", waiting, len(units))
	}
}

func told(b Bill) (all []string) {
	for _, l := range b.Lines {
		all = append(all, fmt.Sprintf("%s $%.2f", l.ID, l.USD))
	}
	return all
}

func sizes() *rapid.Generator[Size] {
	n := rapid.Float64Range(0, 1e7)
	return rapid.Custom(func(t *rapid.T) Size {
		return Size{math.Floor(n.Draw(t, "accounts")), math.Floor(n.Draw(t, "regions")), math.Floor(n.Draw(t, "findings")), rapid.Float64Range(0, 60).Draw(t, "updates"), math.Floor(n.Draw(t, "remediations"))}
	})
}

func TestMoreToDoNeverCostsLess(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	rapid.Check(t, func(t *rapid.T) {
		a, more := sizes().Draw(t, "size"), sizes().Draw(t, "more")
		b := Size{a.Accounts + more.Accounts, a.Regions + more.Regions, a.Findings + more.Findings, a.Updates + more.Updates, a.Remediations + more.Remediations}
		small, large := bill(t, a, d), bill(t, b, d)
		for i, l := range small.Lines {
			if large.Lines[i].USD < l.USD {
				t.Fatalf("%s costs $%f for %+v and $%f for %+v", l.ID, l.USD, a, large.Lines[i].USD, b)
			}
		}
	})
}

func TestALineIsItsQuantityTimesItsPriceAndTheTotalIsTheirSum(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	prices, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bill(t, sizes().Draw(t, "size"), d)
		sum := 0.0
		for _, l := range b.Lines {
			p := prices.of(l.ID)
			if want := l.Quantity * p.USD / p.Per; math.Abs(l.USD-want) > 1e-6*math.Max(1, want) || l.Quantity < 0 {
				t.Fatalf("%s: $%f for %f, want $%f", l.ID, l.USD, l.Quantity, want)
			}
			sum += l.USD
		}
		if math.Abs(sum-b.Total) > 1e-6*math.Max(1, sum) || b.Fixed > b.Total+1e-9 {
			t.Fatalf("the total is $%f, fixed $%f, and the lines come to $%f", b.Total, b.Fixed, sum)
		}
	})
}

func TestWithNothingToDoOnlyWhatIsFixedCosts(t *testing.T) {
	t.Parallel()
	b := bill(t, Size{}, deployment(t))
	if b.Total != b.Fixed || b.Total <= 0 {
		t.Errorf("$%f, of it fixed $%f", b.Total, b.Fixed)
	}
	for _, id := range []string{"transition", "event", "dynamodb-storage", "sns-publish", "s3-put"} {
		if i := slices.IndexFunc(b.Lines, func(l Line) bool { return l.ID == id }); b.Lines[i].USD != 0 {
			t.Errorf("%s costs $%f without anything to do", id, b.Lines[i].USD)
		}
	}
}

func TestAccountsByThemselvesCostNothing(t *testing.T) {
	t.Parallel()
	d := deployment(t)
	if none, many := bill(t, Size{}, d), bill(t, Size{Accounts: 1_000, Regions: 10}, d); none.Total != many.Total {
		t.Errorf("$%.2f with no account, $%.2f with 1,000 in 10 Regions", none.Total, many.Total)
	}
}

func TestEachPriceIsUsedAndEachLineHasOne(t *testing.T) {
	t.Parallel()
	prices, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	var used, known []string
	for _, l := range bill(t, Sizes["small"], deployment(t)).Lines {
		used = append(used, l.ID)
	}
	for _, p := range prices.Prices {
		known = append(known, p.ID)
		if p.USD <= 0 || p.Per <= 0 || p.Source == "" || p.Service == "" || p.Unit == "" {
			t.Errorf("%+v is incomplete", p)
		}
	}
	slices.Sort(used)
	slices.Sort(known)
	if !slices.Equal(used, known) {
		t.Errorf("lines: %v\nprices: %v", used, known)
	}
}

func TestNumbersThatCantBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	prices, err := ListPrices()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := Compute(Size{Findings: n}, Deployment{}, prices); asr.Classify(err) != asr.CodeBadInput {
			t.Errorf("%v findings: %v", n, err)
		}
	}
}
