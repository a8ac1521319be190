package cost

import (
	"fmt"
	"strings"
)

// Table is the bill in Markdown, without lines below a cent.
func Table(b Bill) []byte {
	var t strings.Builder
	t.WriteString("| Service | Quantity | USD | How |\n|---|---|---|---|\n")
	for _, l := range b.Lines {
		if l.USD >= 0.005 {
			fmt.Fprintf(&t, "| %s | %s %s | %.2f | %s |\n", l.Service, grouped(l.Quantity), l.Unit, l.USD, l.Why)
		}
	}
	fmt.Fprintf(&t, "| **Total** | | **%.2f** | of it %.2f with nothing to do |\n", b.Total, b.Fixed)
	return []byte(t.String())
}

// Summary compares sizes: the bills, and what the existing solution's guide
// comes to, by its own rows.
func Summary(names []string, bills []Bill, existing map[string]float64) []byte {
	var t strings.Builder
	t.WriteString("| Size | Accounts × Regions | Failed findings, each told so often a month | Remediations | asr, USD a month | The existing solution | asr is |\n|---|---|---|---|---|---|---|\n")
	for i, name := range names {
		b := bills[i]
		against, share := "", ""
		if usd, ok := existing[name]; ok {
			against, share = fmt.Sprintf("%.2f", usd), fmt.Sprintf("%.1f %% of it", 100*b.Total/usd)
		}
		fmt.Fprintf(&t, "| %s | %s × %s | %s × %g | %s | %.2f | %s | %s |\n", name, grouped(b.Size.Accounts), grouped(b.Size.Regions), grouped(b.Size.Findings), b.Size.Updates, grouped(b.Size.Remediations), b.Total, against, share)
	}
	return []byte(t.String())
}

// AssumptionTable lists what a bill assumes.
func AssumptionTable(b Bill) []byte {
	var t strings.Builder
	t.WriteString("| Assumed | |\n|---|---|\n")
	for _, a := range b.Assumptions {
		fmt.Fprintf(&t, "| %s %s | %s |\n", Number(a.Value), a.Unit, a.Why)
	}
	return []byte(t.String())
}

// PriceTable lists the prices.
func PriceTable(p Prices) []byte {
	var t strings.Builder
	t.WriteString("| Service | USD | Per | From |\n|---|---|---|---|\n")
	for _, one := range p.Prices {
		fmt.Fprintf(&t, "| %s | %g | %s %s | <%s> |\n", one.Service, one.USD, grouped(one.Per), one.Unit, one.Source)
	}
	return []byte(t.String())
}

// Number is a number as people read it: 2,592,000.
func Number(n float64) string {
	if n < 1 {
		return fmt.Sprintf("%g", n)
	}
	if n != float64(int64(n)) {
		return fmt.Sprintf("%g", n)
	}
	return grouped(n)
}

// grouped writes a whole number with commas.
func grouped(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
