package main

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"example.com/asr"
)

// The picture's measures, in its own units.
const (
	wide, high               = 720, 400
	left, right, top, bottom = 56, 134, 44, 52
	plotWide, plotHigh       = wide - left - right, high - top - bottom
	axis                     = "#8c8c8c" // seen on white and on black
)

// colors are told from each other on white and on black, and by those who don't
// tell red from green (Okabe and Ito's).
var colors = map[string]string{"CRITICAL": "#d55e00", "HIGH": "#e69f00", "MEDIUM": "#009e73", "LOW": "#56b4e9", "INFORMATIONAL": "#cc79a7"}

// draw draws how the runs of each severity begin, over the time that all of them
// take. It has no background, and text in a color for light and one for dark.
func draw(o outcome) []byte {
	var b bytes.Buffer
	whole := part(o.ends, 1)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t d">
<title id="t">Runs begun, by severity, while a backlog is worked off</title>
<desc id="d">The more severe a finding is, the sooner its run begins; a quarter of the turns goes by waiting time, so the least severe begin from the start on, too.</desc>
<style>text{font:13px system-ui,sans-serif;fill:#24292f}.s{font-size:12px}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>
`, wide, high)
	fmt.Fprintf(&b, `<text x="%d" y="20">Runs begun, %% of each severity: %d runs, one in a hundred a minute</text>`+"\n", left, len(o.ends))
	for i := 0; i <= 4; i++ {
		x, y := left+plotWide*i/4, top+plotHigh*i/4
		fmt.Fprintf(&b, `<path d="M%d %dH%d" stroke="%s" stroke-opacity=".35"/><text class="s" x="%d" y="%d" text-anchor="end">%d %%</text>`, left, y, left+plotWide, axis, left-8, y+4, 100-25*i)
		fmt.Fprintf(&b, `<text class="s" x="%d" y="%d" text-anchor="middle">%d %%</text>`+"\n", x, top+plotHigh+20, 25*i)
	}
	fmt.Fprintf(&b, `<text class="s" x="%d" y="%d" text-anchor="middle">of the time that the whole backlog takes</text>`+"\n", left+plotWide/2, high-10)
	for i, severity := range slices.Backward(asr.Severities) {
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2.5"/>`, curve(o.waits[severity], whole), colors[severity])
		y := top + 14 + 22*(len(asr.Severities)-1-i)
		fmt.Fprintf(&b, `<path d="M%d %dh16" stroke="%s" stroke-width="4"/><text class="s" x="%d" y="%d">%s</text>`+"\n", left+plotWide+12, y-4, colors[severity], left+plotWide+33, y, label(severity))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func label(severity string) string {
	return map[string]string{"CRITICAL": "Critical", "HIGH": "High", "MEDIUM": "Medium", "LOW": "Low", "INFORMATIONAL": "Informational"}[severity]
}

// curve is the share that has begun, at each per cent of the whole time.
func curve(waits []time.Duration, whole time.Duration) string {
	var b bytes.Buffer
	for i := 0; i <= 100; i++ {
		n, _ := slices.BinarySearch(waits, whole*time.Duration(i)/100+1)
		fmt.Fprintf(&b, "%c%.1f %.1f", "ML"[min(i, 1)], left+float64(plotWide*i)/100, top+plotHigh*(1-float64(n)/float64(max(1, len(waits)))))
	}
	return b.String()
}
