package render_test

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"example.com/asr/catalog"
)

type denial struct {
	Sid, Effect      string
	Action, Resource json.RawMessage
	Condition        map[string]map[string]string
}

type scp struct{ Statement []denial }

func readSCP(t *testing.T, name string) (scp, int) {
	t.Helper()
	text, err := os.ReadFile("../docs/deploy/scp/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var p scp
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p, len(strings.Join(strings.Fields(string(text)), ""))
}

// An SCP takes 5,120 characters.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
func TestTheExampleSCPsFit(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"asr-ceiling.json", "asr-freeze.json"} {
		p, size := readSCP(t, name)
		if size > 5120 || len(p.Statement) == 0 {
			t.Errorf("%s: %d characters, %d statements", name, size, len(p.Statement))
		}
		for _, s := range p.Statement {
			if s.Effect != "Deny" || len(s.Condition) == 0 {
				t.Errorf("%s: %s allows something, or denies it to everybody", name, s.Sid)
			}
		}
	}
}

func TestTheExampleSCPDeniesNothingThatARemediationNeeds(t *testing.T) {
	t.Parallel()
	p, _ := readSCP(t, "asr-ceiling.json")
	i := slices.IndexFunc(p.Statement, func(s denial) bool { return s.Sid == "WhatAsrNeverNeeds" })
	var denied []string
	if err := json.Unmarshal(p.Statement[i].Action, &denied); err != nil || len(denied) < 20 {
		t.Fatalf("%d actions, %v", len(denied), err)
	}
	for _, u := range catalog.All(nil) {
		for _, g := range u.Spec.WriteGrants() {
			for _, action := range g.Actions {
				for _, d := range denied {
					if ok, _ := path.Match(d, action); ok {
						t.Errorf("%s needs %s", u.Spec.ID, action)
					}
				}
			}
		}
	}
}

func TestNobodyButStackSetsAndAsrsFixesChangeItsRoles(t *testing.T) {
	t.Parallel()
	p, _ := readSCP(t, "asr-ceiling.json")
	var roles []string
	if err := json.Unmarshal(p.Statement[0].Resource, &roles); err != nil {
		t.Fatal(err)
	}
	for _, u := range catalog.All(nil) {
		for _, g := range u.Spec.WriteGrants() {
			if !slices.Contains(g.Actions, "iam:AttachRolePolicy") {
				continue
			}
			for _, r := range roles { // the roles that fixes attach policies to aren't among those
				name := r[strings.LastIndexByte(r, '/')+1:]
				if strings.HasSuffix(g.On, "/"+name) {
					t.Errorf("%s attaches a policy to %s, which the SCP denies", u.Spec.ID, name)
				}
			}
		}
	}
}
