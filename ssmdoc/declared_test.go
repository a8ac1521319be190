package ssmdoc

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/playbook"
	"example.com/asr/remedy"
	"example.com/asr/sessions"
	"github.com/google/go-cmp/cmp"
)

func TestADocumentsGrantsNameItAloneAndFitASession(t *testing.T) {
	t.Parallel()
	at := "arn:aws:ssm:eu-west-1:"
	for name, want := range map[string][]string{
		"AWS-X":        {at + ":automation-definition/AWS-X:*", at + ":document/AWS-X"},
		"House-X":      {at + "222222222222:automation-definition/House-X:*", at + "222222222222:document/House-X"},
		"House-Pinned": {at + "222222222222:automation-definition/House-Pinned:3", at + "222222222222:document/House-Pinned"},
		"arn:{partition}:ssm:{region}:333333333333:document/Shared": {at + "333333333333:automation-definition/Shared:*", at + "333333333333:document/Shared"},
	} {
		d := playbook.Document{ID: "house-x", Name: name, Role: "r", Scope: asr.ScopeRegion}
		if name == "House-Pinned" {
			d.Version = "3"
		}
		on := asr.On{Target: asr.Target{Partition: "aws", Account: "222222222222", Region: "eu-west-1"}}
		s := Remediation(d, nil).Spec
		var got []string
		for _, g := range on.Narrow(s.Writes) {
			if slices.Equal(g.Actions, []string{"ssm:StartAutomationExecution"}) {
				got = append(got, g.On)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if _, err := sessions.Policy(on.Narrow(s.WriteGrants()), true); err != nil {
			t.Error(err)
		}
		if _, err := sessions.Policy(on.Narrow(s.Reads), false); err != nil {
			t.Error(err)
		}
		if s.Implied[0].When["StringEquals"]["iam:PassedToService"] != "ssm.amazonaws.com" || s.Implied[0].On != "arn:{partition}:iam::{account}:role/r" {
			t.Errorf("passes %+v", s.Implied)
		}
	}
}

func TestADocumentMayNotTakeTheIDOfARemediation(t *testing.T) {
	t.Parallel()
	taken := []asr.Remediation{{Spec: asr.Spec{ID: "house-close-bucket"}}}
	_, err := With(taken, book(t, declared), nil)
	if asr.Classify(err) != asr.CodeBadInput || !strings.Contains(err.Error(), "house.yaml:6: documents.house-close-bucket") {
		t.Errorf("got %v", err)
	}
}

func TestParametersAreHeldToTheirDeclaration(t *testing.T) {
	t.Parallel()
	d := playbook.Document{ID: "house-x", Name: "House-X", Role: "r", Scope: asr.ScopeRegion, Params: map[string]playbook.Param{
		"days": {Type: "int", Description: "d"}, "name": {Type: "text", Description: "d", Default: "n"}, "all": {Type: "list", Description: "d", Default: []string{}}, "on": {Type: "bool", Description: "d", Default: true},
	}, Controls: []string{"House.1"}}
	u := Remediation(d, nil)
	for given, want := range map[string]string{
		`{"days":7,"name":"x","all":["a"],"on":false}`:   "",
		`{"days":7.5,"name":"x","all":["a"],"on":false}`: "days is no whole number",
		`{"days":"7","name":"x","all":[],"on":false}`:    "days is no whole number",
		`{"days":7,"name":"","all":[],"on":false}`:       "name is no text",
		`{"days":7,"name":"x","all":[1],"on":false}`:     "all is no list of texts",
		`{"days":7,"name":"x","all":[],"on":"yes"}`:      "on is no true or false",
		`{"name":"x","all":[],"on":true}`:                "days isn't set",
		`{"days":7,"name":"x","all":[],"on":true,"z":1}`: "there is no parameter z",
	} {
		err := u.Check(asr.On{Params: []byte(given)})
		if want == "" && err != nil || want != "" && (asr.Classify(err) != asr.CodeBadParams || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", given, err, want)
		}
	}
	if got, want := string(u.Controls["House.1"]), `{"all":[],"name":"n","on":true}`; got != want {
		t.Errorf("defaults %s, want %s", got, want)
	}
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","additionalProperties":false,"properties":{"all":{"description":"d","items":{"type":"string"},"type":"array"},"days":{"description":"d","type":"integer"},"name":{"description":"d","type":"string"},"on":{"description":"d","type":"boolean"}},"required":["days"],"type":"object"}`
	if got := string(u.Schema); got != want {
		t.Errorf("schema %s", got)
	}
}

func TestValuesThatSystemsManagerTakesNotAreRefused(t *testing.T) {
	t.Parallel()
	d := document{playbook.Document{Name: "House-X", Parameters: map[string][]string{"A": {"{resource}"}}}}
	for id, ok := range map[string]bool{"": false, "x": true, strings.Repeat("é", 512): true, strings.Repeat("x", 513): false} {
		_, err := d.inputs(remedy.On[params]{Target: asr.Target{ID: id}})
		var e *asr.Error
		if (err == nil) != ok || err != nil && (!errors.As(err, &e) || e.Code != asr.CodeRefused) {
			t.Errorf("%d characters: %v", len(id), err)
		}
	}
	if uuid("0123456789abcdef0123456789abcdef") != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Error("a token has another form")
	}
}
