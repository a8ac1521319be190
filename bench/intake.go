package main

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/policy"
	"example.com/asr/securityhub"
)

// rounds is how often each is measured; the median counts, for what else the
// machine does disturbs.
const rounds = 7

// cpuTime is what the process has used up.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it knows itself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rate is how many a second of CPU time f does of n, the median of the rounds.
func rate(n int, f func() error) (float64, error) {
	var all []float64
	for range rounds {
		began := cpuTime()
		if err := f(); err != nil {
			return 0, err
		}
		all = append(all, float64(n)/(cpuTime()-began).Seconds())
	}
	return median(all), nil
}

// rules is a policy of the size that people write.
const rules = `version: 1
default: observe
rules:
  - {name: frozen, match: {accounts: ["100000000007"]}, mode: "off"}
  - {name: sandbox, match: {accounts: ["1000000000*1"], severities: [LOW, INFORMATIONAL]}, mode: auto}
  - {name: databases, match: {controls: [RDS.*, DynamoDB.*, Redshift.*]}, mode: ask}
  - {name: terraform, match: {managed_by: [terraform, cloudformation]}, mode: observe}
  - {name: legal-hold, match: {tags: {hold: ["*"]}}, mode: "off"}
  - {name: buckets, match: {controls: [S3.*], regions: [eu-*]}, mode: auto}
  - {name: low-risk, match: {risk: [low], severities: [CRITICAL, HIGH, MEDIUM]}, mode: auto}
`

// intake measures decode, match and decide.
func intake() ([]row, error) {
	book, err := playbook.Load()
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse("policy.yaml", strings.NewReader(rules))
	if err != nil {
		return nil, err
	}
	const count = 5000
	var pages [][]byte
	l := newLoad(book, accounts)
	for n := 0; n < count; n += 100 {
		pages = append(pages, l.page(n, 100))
	}
	perSecond, err := rate(count, func() error { return through(pages, book, p, count) })
	if err != nil {
		return nil, err
	}
	decode, err := rate(count, func() error { return through(pages, nil, nil, count) })
	return []row{
		{what: "decode + match + decide, ASFF of 3 kB, per core", unit: "/s", value: perSecond, least: 20_000},
		{what: "of that, decode alone", unit: "/s", value: decode},
	}, err
}

// through takes pages through what comes before the store; no book: decodes only.
func through(pages [][]byte, book *playbook.Book, p *policy.Policy, count int) error {
	seen := 0
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, page := range pages {
		obs, bad := securityhub.Decode("bench", at, page)
		if len(bad) > 0 {
			return fmt.Errorf("a finding was rejected: %s", bad[0].Reason)
		}
		seen += len(obs)
		if book == nil {
			continue
		}
		for _, o := range obs {
			if err := decide(o, book, p); err != nil {
				return err
			}
		}
	}
	if seen != count {
		return fmt.Errorf("%d of %d findings were decoded", seen, count)
	}
	return nil
}

func decide(o asr.Observation, book *playbook.Book, p *policy.Policy) error {
	f := asr.Finding{ID: o.ID, Provider: o.Provider, Workflow: o.Workflow}
	m, err := book.Match(f)
	if err != nil {
		return err
	}
	tool, _ := asr.ManagedBy(f.Resource().Tags)
	facts := asr.Facts{
		Control: m.Control, Remediation: m.Remediation, Account: f.Account, Region: f.Region, Resource: f.Resource().ID, Severity: f.Severity,
		Risk: asr.RiskLow, Tags: f.Resource().Tags, ManagedBy: tool,
	}
	if d, _ := p.Decide(facts); d.Mode == "" {
		return fmt.Errorf("no decision for %s", f.ID)
	}
	return nil
}
