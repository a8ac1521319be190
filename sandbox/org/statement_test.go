package org

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPoliciesThatLetEverybodyIn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, policy string
		want         bool
	}{
		{"none", ``, false},
		{"everybody", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}]}`, true},
		{"one statement, no list", `{"Statement":{"Effect":"Allow","Principal":"*","Action":["s3:Get*"]}}`, true},
		{"every AWS account", `{"Statement":[{"Effect":"Allow","Principal":{"AWS":["1","*"]},"Action":"*"}]}`, true},
		{"everybody, under a condition", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}]}`, false},
		{"somebody", `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"s3:GetObject"}]}`, false},
		{"everybody, something else", `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:PutObject"}]}`, false},
		{"nobody", `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject"}]}`, false},
	} {
		all, err := statements(row.policy)
		if got := public(all, "s3:GetObject"); got != row.want || err != nil {
			t.Errorf("%s: %v (%v), want %v", row.name, got, err, row.want)
		}
	}
}

func TestPoliciesThatRefusePlainRequests(t *testing.T) {
	t.Parallel()
	const both, condition = `["arn:aws:s3:::b","arn:aws:s3:::b/*"]`, `{"Bool":{"aws:SecureTransport":"false"}}`
	doc := func(effect, principal, action, resource, condition string) string {
		return `{"Statement":[{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"` + action + `","Resource":` + resource + `,"Condition":` + condition + `}]}`
	}
	for _, row := range []struct {
		name, policy string
		want         bool
	}{
		{"as AWS shows it", doc("Deny", `"*"`, "s3:*", both, condition), true},
		{"all AWS principals, all resources", doc("Deny", `{"AWS":"*"}`, "*", `"*"`, condition), true},
		{"objects only", doc("Deny", `"*"`, "s3:*", `"arn:aws:s3:::b/*"`, condition), false},
		{"another bucket", doc("Deny", `"*"`, "s3:*", `["arn:aws:s3:::c","arn:aws:s3:::c/*"]`, condition), false},
		{"some actions", doc("Deny", `"*"`, "s3:GetObject", both, condition), false},
		{"allowed", doc("Allow", `"*"`, "s3:*", both, condition), false},
		{"if something else holds too", doc("Deny", `"*"`, "s3:*", both, `{"Bool":{"aws:SecureTransport":"false","aws:ViaAWSService":"false"}}`), false},
		{"with TLS", doc("Deny", `"*"`, "s3:*", both, `{"Bool":{"aws:SecureTransport":"true"}}`), false},
	} {
		all, err := statements(row.policy)
		if got := secured(all, "b"); got != row.want || err != nil {
			t.Errorf("%s: %v (%v), want %v", row.name, got, err, row.want)
		}
	}
}

func TestWhoMayCallAFunction(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, statement string
		want            bool
	}{
		{"everybody", `{"Effect":"Allow","Principal":"*"}`, true},
		{"everybody of the organization", `{"Effect":"Allow","Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}`, false},
		{"everybody's buckets", `{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}`, true},
		{"the account's buckets", `{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Condition":{"StringEquals":{"AWS:SourceAccount":"1"}}}`, false},
		{"a queue's service", `{"Effect":"Allow","Principal":{"Service":"events.amazonaws.com"}}`, false},
	} {
		all, err := statements(`{"Statement":[` + row.statement + `]}`)
		if err != nil || callable(all[0]) != row.want {
			t.Errorf("%s: %v, want %v", row.name, all, row.want)
		}
	}
}

func FuzzStatements(f *testing.F) {
	f.Add(`{"Statement":{"Effect":"Deny","Principal":{"AWS":["*"]},"Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`)
	f.Add(`{"Statement":null}`)
	f.Add(`{"Statement":[null,{"Principal":7,"Action":[]}]}`)
	f.Fuzz(func(t *testing.T, policy string) {
		all, err := statements(policy)
		if wrong := policy != "" && !json.Valid([]byte(policy)); wrong && err == nil || err != nil && len(all) > 0 {
			t.Errorf("%q: %v (%v)", policy, all, err)
		}
		if public(all) {
			t.Errorf("%q lets everybody do nothing at all", policy)
		}
		_ = secured(all, "b") // does not panic
	})
}

func TestFindingIDsDifferByWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	p := place{shop, virginia}
	if diff := cmp.Diff(uuid(p, "S3.5", "a"), uuid(p, "S3.5", "a")); diff != "" {
		t.Error(diff)
	}
	seen := map[string]bool{}
	for _, id := range []string{uuid(p, "S3.5", "a"), uuid(p, "S3.5", "b"), uuid(p, "S3.8", "a"), uuid(place{lab, virginia}, "S3.5", "a"), uuid(place{shop, ireland}, "S3.5", "a"), uuid(p, "S3.5a", "")} {
		if seen[id] || len(id) != 36 {
			t.Errorf("%s", id)
		}
		seen[id] = true
	}
}
