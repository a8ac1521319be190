package catalog_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/playbook"
	"example.com/asr/remedy"
	"example.com/asr/sessions"
	"github.com/aws/aws-sdk-go-v2/aws"
)

// longest is the longest target that AWS allows for a unit: names of 512
// characters (log groups), the longest Region and partition.
func longest(s asr.Spec) asr.Target {
	t := asr.Target{Partition: "aws-us-gov", Account: "123456789012", Region: "ap-southeast-1"}
	limits := map[string]int{"logs": 512, "s3": 63, "secretsmanager": 512, "iam": 64 + 512, "lambda": 64, "sqs": 80, "cloudtrail": 128, "rds": 255, "ec2": 24, "kms": 36}
	service, _, _ := strings.Cut(s.ID, "-")
	t.Name = strings.Repeat("n", max(24, limits[service]))
	if service == "iam" {
		t.Name = strings.Repeat("p", 511) + "/" + strings.Repeat("n", 64)
	}
	if len(s.Resources) > 0 {
		t.ID = t.Expand(s.Resources[0])
	}
	return t
}

func noDial(context.Context, remedy.Session) (aws.Config, error) { return aws.Config{}, nil }

func TestEverySessionPolicyFitsAtTheLongestTarget(t *testing.T) {
	for _, u := range catalog.All(noDial) {
		for control, params := range u.Controls {
			on := asr.On{Target: longest(u.Spec), Params: params}
			for _, write := range []bool{false, true} {
				grants := u.Spec.Reads
				if write {
					grants = u.Spec.WriteGrants()
				}
				doc, err := sessions.Policy(on.Narrow(grants), write)
				if err == nil && len(doc) <= sessions.MaxPolicy {
					continue
				}
				if _, perr := sessions.Pieces(on.Narrow(grants)); perr != nil {
					t.Errorf("%s, %s: %d characters and no narrower sessions: %v %v", u.Spec.ID, control, len(doc), err, perr)
				}
			}
		}
	}
}

func TestGrantsAreOnARNsAndWritesNameWhatTheyWrite(t *testing.T) {
	for _, u := range catalog.All(noDial) {
		for _, g := range u.Spec.WriteGrants() {
			if g.On != "*" && !strings.HasPrefix(g.On, "arn:{partition}:") {
				t.Errorf("%s: a grant on %s, which is no ARN", u.Spec.ID, g.On)
			}
			for _, a := range g.Actions {
				if strings.ContainsAny(a, "*?") {
					t.Errorf("%s: a wildcard action %s", u.Spec.ID, a)
				}
			}
		}
	}
}

func TestIDsAreUniqueAndEachControlHasOneUnit(t *testing.T) {
	ids, controls := map[string]bool{}, map[string]string{}
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	for _, u := range catalog.All(noDial) {
		if ids[u.Spec.ID] || !kebab.MatchString(u.Spec.ID) {
			t.Errorf("id %s is taken or not kebab case", u.Spec.ID)
		}
		ids[u.Spec.ID] = true
		for control := range u.Controls {
			if other, taken := controls[control]; taken {
				t.Errorf("%s is answered by %s and %s", control, other, u.Spec.ID)
			}
			controls[control] = u.Spec.ID
		}
	}
}

// What a playbook sends to a unit, the unit must answer, with parameters that
// it takes.
func TestEveryPlaybookEntryOfAWrittenUnitIsAnswered(t *testing.T) {
	book, err := playbook.Load()
	if err != nil {
		t.Fatal(err)
	}
	units := map[string]asr.Remediation{}
	for _, u := range catalog.All(noDial) {
		units[u.Spec.ID] = u
	}
	for _, e := range book.Entries() {
		u, written := units[e.Remediation]
		if !written {
			continue
		}
		if _, ok := u.Controls[e.Control]; !ok {
			t.Errorf("%s %s: %s doesn't answer %s", e.Playbook, e.StandardControl, e.Remediation, e.Control)
			continue
		}
		m, err := book.Control(e.Control)
		if err != nil {
			t.Errorf("%s: %v", e.Control, err)
			continue
		}
		var defaults map[string]json.RawMessage
		if err := json.Unmarshal(u.Controls[e.Control], &defaults); err != nil {
			t.Errorf("%s: %v", e.Control, err)
		}
		params, _, err := asr.ResolveParams(m.Bounds, asr.Layer{Source: "default", Values: defaults}, asr.Layer{Source: m.Playbook, Values: m.Playbooks})
		if err == nil {
			err = u.Check(asr.On{Target: longest(u.Spec), Params: params})
		}
		if err != nil {
			t.Errorf("%s %s: %v", e.Playbook, e.StandardControl, err)
		}
	}
}

// A unit is one file of at most 120 lines, and its test.
func TestUnitFilesAreShortAndTested(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		isUnit := strings.Contains(string(src), "= remedy.Unit[")
		if !isUnit || strings.HasSuffix(file, "_test.go") {
			continue
		}
		if n := strings.Count(string(src), "\n"); n > 125 {
			t.Errorf("%s has %d lines: a helper is missing, or it is two units", file, n)
		}
		if !slices.Contains(files, strings.TrimSuffix(file, ".go")+"_test.go") {
			t.Errorf("%s has no test beside it", file)
		}
	}
}
