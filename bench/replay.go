package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/playbook"
	"example.com/asr/policy"
	"example.com/asr/replay"
	"example.com/asr/sqlite"
	"example.com/asr/vault"
)

const replayed = 200_000 // findings

// replays measures how long it takes to say what a policy would decide about
// all findings of a large organization, in a store with runs.
func replays(ctx context.Context) ([]row, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	v, err := vault.Open(filepath.Join(dir, "key"), os.Getenv)
	if err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, filepath.Join(dir, "db"), v, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	if err := fill(ctx, s); err != nil {
		return nil, err
	}
	book, err := playbook.Load()
	if err != nil {
		return nil, err
	}
	p, err := policy.Load("policy/testdata/example.yaml")
	if err != nil {
		return nil, err
	}
	begun, before := time.Now(), cpuTime()
	remembered, err := replay.Remember(ctx, s)
	if err != nil {
		return nil, err
	}
	engine := asr.New(asr.Config{Store: remembered, Remediations: catalog.All(nil), Matcher: book, Vault: v, Policy: p})
	r, err := replay.Run(ctx, s, engine, time.Time{})
	took := start{milliseconds(time.Since(begun)), milliseconds(cpuTime() - before)}
	if err == nil && (r.Findings != replayed || len(r.Decisions) < 4) {
		err = fmt.Errorf("replayed %d findings to %d decisions", r.Findings, len(r.Decisions))
	}
	what := "asr policy replay, " + thousands(replayed) + " findings"
	return []row{
		{what: what + ", CPU time", unit: "s", value: took.cpu / 1000, most: 20},
		{what: what + ", by the clock", unit: "s", value: took.clock / 1000},
	}, err
}

// fill stores the findings, each tenth with a run that failed.
func fill(ctx context.Context, s *sqlite.Store) error {
	now := time.Now().UTC().Truncate(time.Second)
	for n := 0; n < replayed; n += 1000 {
		var b asr.Batch
		for i := n; i < n+1000; i++ {
			b.Findings = append(b.Findings, stored(i, now))
		}
		if err := s.Commit(ctx, &b); err != nil {
			return err
		}
		r := asr.Run{
			ID: fmt.Sprintf("r-%d", n), State: asr.StateFailed, Remediation: "logs-retention", Control: "CloudWatch.16", Claim: fmt.Sprint("claim", n),
			Target: asr.Target{Account: "111111111111", Region: "eu-west-1", ID: "x"}, Params: json.RawMessage(`{}`), CreatedAt: now, EndedAt: now,
		}
		if err := s.Commit(ctx, &asr.Batch{Run: &r}); err != nil {
			return err
		}
	}
	return nil
}

func stored(i int, now time.Time) asr.Finding {
	account := fmt.Sprintf("%012d", 100000000000+i%400)
	of := []struct{ control, kind, arn string }{
		{"S3.8", "AwsS3Bucket", fmt.Sprintf("arn:aws:s3:::bucket-%d", i)},
		{"CloudWatch.16", "AwsLogsLogGroup", fmt.Sprintf("arn:aws:logs:eu-west-1:%s:log-group:/app/%d:*", account, i)},
		{"EC2.13", "AwsEc2SecurityGroup", fmt.Sprintf("arn:aws:ec2:eu-west-1:%s:security-group/sg-%08d", account, i)},
		{"RDS.5", "AwsRdsDbInstance", fmt.Sprintf("arn:aws:rds:eu-west-1:%s:db:db-%d", account, i)},
		{"Account.1", "AwsAccount", "AWS::::Account:" + account},
	}[i%5]
	f := asr.Finding{
		ID: fmt.Sprintf("arn:aws:securityhub:eu-west-1:%s:security-control/%s/finding/%08d", account, of.control, i), Outcome: asr.OutcomeOpen,
		Provider: asr.Provider{
			Format: "asff", Account: account, Region: "eu-west-1", Control: of.control, Severity: asr.Severities[i%5], Title: "What the check says of the resource, in a sentence",
			Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive, UpdatedAt: now.Add(-time.Duration(i) * time.Second), CreatedAt: now.AddDate(0, -1, 0),
			Standards: []string{"aws-foundational-security-best-practices/v/1.0.0", "cis-aws-foundations-benchmark/v/3.0.0"},
			Resources: []asr.Resource{{ID: of.arn, Type: of.kind}},
		},
		Workflow: asr.Workflow{Status: asr.WorkflowNew},
	}
	if i%2 == 0 {
		f.Resources[0].Tags = map[string]string{"env": "prod", "team": fmt.Sprint("team-", i%30), "cost-center": "4711"}
	}
	return f
}
