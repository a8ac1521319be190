package asr_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/enginetest"
	"example.com/asr/memory"
)

// explained fails unless an error is one for people: of one of the codes, and
// with what to do. Its length is bounded, whatever was given.
func explained(t *testing.T, err error, codes ...asr.Code) {
	t.Helper()
	var e *asr.Error
	if !errors.As(err, &e) || e.Do == "" || len(err.Error()) > 20_000 {
		t.Fatalf("error %.200q (%s)", err, asr.Advice(err))
	}
	for _, c := range codes {
		if e.Code == c {
			return
		}
	}
	t.Fatalf("error %.200q has code %s", err, e.Code)
}

// layer is what an object of JSON says of parameters; nil if it is none.
func layer(doc []byte) map[string]json.RawMessage {
	var values map[string]json.RawMessage
	if json.Unmarshal(doc, &values) != nil {
		return nil
	}
	return values
}

func FuzzResolveParams(f *testing.F) {
	for _, seed := range [][3]string{
		{`{"days":90,"ports":[22,3389]}`, `{"days":30}`, `{"days":{"atLeast":60}}`}, {`{"days":"x"}`, `{"days":null}`, `{"days":{"atMost":1}}`},
		{`{"days":1e999}`, `{}`, `{"days":{"atLeast":-1e308,"atMost":1e308}}`}, {`{"\u0000\n":"\u001b[2J"}`, `{"a":[[[[1]]]]}`, `{"a":{}}`}, {`null`, `{`, ``},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]), []byte(seed[2]))
	}
	f.Fuzz(func(t *testing.T, low, high, limits []byte) {
		lower, upper := layer(low), layer(high)
		var bounds map[string]asr.Bound
		_ = json.Unmarshal(limits, &bounds)
		params, sources, err := asr.ResolveParams(bounds, asr.Layer{Source: "default", Values: lower}, asr.Layer{Source: "finding", Values: upper})
		if err != nil {
			explained(t, err, asr.CodeBadParams)
			return
		}
		got := layer(params)
		if got == nil || len(got) != len(sources) {
			t.Fatalf("%s from %v", params, sources)
		}
		for name, source := range sources {
			want, from := lower[name], "default"
			if v, ok := upper[name]; ok {
				want, from = v, "finding"
			}
			a, errA := asr.Diff([]byte(`{"v":`+string(want)+`}`), []byte(`{"v":`+string(got[name])+`}`))
			if source != from || errA != nil || len(a) > 0 {
				t.Fatalf("%q is %s from %s, want %s from %s: %v %v", name, got[name], source, want, from, a, errA)
			}
			checkBound(t, bounds[name], got[name])
		}
	})
}

func checkBound(t *testing.T, b asr.Bound, raw json.RawMessage) {
	t.Helper()
	var n float64
	if (b.AtLeast != nil || b.AtMost != nil) && json.Unmarshal(raw, &n) != nil || b.AtLeast != nil && n < *b.AtLeast || b.AtMost != nil && n > *b.AtMost {
		t.Fatalf("%s passed %+v", raw, b)
	}
}

// specs are patterns of every kind that the catalogue has.
var specs = []asr.Spec{
	{ID: "s3-x", Scope: asr.ScopeResource, Resources: []string{"arn:{partition}:s3:::{name}"}},
	{ID: "logs-x", Scope: asr.ScopeResource, Resources: []string{"arn:{partition}:logs:{region}:{account}:log-group:{name}", "arn:{partition}:logs:{region}:{account}:log-group:{name}:*"}},
	{ID: "iam-x", Scope: asr.ScopeResource, Global: true, Resources: []string{"arn:{partition}:iam::{account}:user/{name}"}, Internal: regexp.MustCompile(`^AIDA[A-Z0-9]+$`)},
	{ID: "account-x", Scope: asr.ScopeAccount}, {ID: "region-x", Scope: asr.ScopeRegion},
}

// Names of resources that no finding of the account can be about.
var odd = []string{
	"arn:aws:s3:::b", "arn:aws-cn:s3:::b", "arn:aws-us-gov:logs:us-gov-west-1:111111111111:log-group:/a:b:*", "arn:aws-evil:s3:::b", "arn:aws:iam::222222222222:user/x",
	"AIDAX", "", "arn:aws:s3:::b\n", "arn:aws:s3:::\x1b[2J\u202e", "arn:aws:s3:::*", "arn:aws:s3:::" + strings.Repeat("a", 5000), "arn:aws:s3:::{account}{name}", "=HYPERLINK(1)", "\xff", "arn:aws:logs:{region}::log-group:x",
}

func FuzzLocate(f *testing.F) {
	for _, id := range odd {
		for which := range specs {
			f.Add("111111111111", "us-east-1", "", id, which)
		}
		f.Add("111111111111", "cn-north-1", "aws-global", id, 0)
		f.Add("1", "", "eu-west-1", id, 1)
		f.Add("111111111111", "evil.example/x", "", id, 4)
	}
	f.Fuzz(func(t *testing.T, account, region, there, id string, which int) {
		spec := specs[uint(which)%uint(len(specs))]
		got, err := spec.Locate(account, region, asr.Resource{ID: id, Region: there})
		if err != nil {
			explained(t, err, asr.CodeBadTarget)
			return
		}
		if strings.ContainsAny(got.Region, "./:@ \n") || got.Account != account || got.Region != "" && asr.Partition(got.Region) != got.Partition {
			t.Fatalf("%q of %q in %q became %+v", id, account, region, got)
		}
		if again, err := spec.Locate(got.Account, got.Region, asr.Resource{ID: got.ID}); err != nil || again != got {
			t.Fatalf("%+v, located again, is %+v: %v", got, again, err)
		}
	})
}

// FuzzRequest takes what people, runbooks and the API name: a control, a
// resource, parameters.
func FuzzRequest(f *testing.F) {
	for _, id := range append(odd, "arn:aws:test:eu-west-1:111111111111:s") {
		f.Add(enginetest.Control, id, "111111111111", "eu-west-1", "", []byte(`{"days":1}`))
	}
	f.Add("S3.\n1", "arn:aws:test:eu-west-1:111111111111:s", "", "", "", []byte(`{}`))
	f.Add("", "", "222222222222", "", "f\x1b[2J", []byte(``))
	f.Fuzz(func(t *testing.T, control, resource, account, region, finding string, params []byte) {
		var switches enginetest.Switches
		store := memory.New()
		e := asr.New(asr.Config{Store: store, Remediations: []asr.Remediation{switches.Remediation()}, Matcher: enginetest.Book{}, Vault: enginetest.Glass{}, Policy: enginetest.Always(asr.ModeAuto)})
		r, err := e.Request(t.Context(), asr.Ask{
			Actor: asr.Actor{Kind: "person", Name: "ada", Verified: true}, Control: control, Resource: asr.Resource{ID: resource}, Account: account, Region: region, Finding: finding, Params: layer(params), PlanOnly: true,
		})
		if err != nil {
			explained(t, err, asr.CodeBadTarget, asr.CodeBadParams, asr.CodeNotFound, asr.CodeNoRemediation, asr.CodeBadInput)
			return
		}
		if kept, err := store.Run(t.Context(), r.ID); err != nil || kept.Target.Account == "" || kept.Target.ID != resource || kept.Target.Name == "" || kept.Claim == "" {
			t.Fatalf("run of %q: %+v, %v", resource, kept.Target, err)
		}
		if _, err := e.Step(t.Context(), r.ID); err != nil {
			t.Fatalf("planning %q: %v", resource, err)
		}
	})
}
