package sessions

import (
	"net/url"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

func TestWhoamiIsAVerifiedPerson(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := c.sessions(t, nil)
	for range 2 {
		got, err := s.Whoami(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asr.Actor{Kind: "person", Name: jane, Verified: true}, got); diff != "" {
			t.Error(diff)
		}
	}
	if len(c.made()) != 1 {
		t.Errorf("AWS was asked %d times", len(c.made()))
	}
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	type outcome struct {
		Name string
		Code asr.Code // "": fine
	}
	fine := []outcome{{"credentials", ""}, {"role", ""}, {"identity", ""}, {"region", ""}}
	for _, tt := range []struct {
		name    string
		direct  bool
		account string
		sts     func(string, url.Values) *fault
		service func(call) *fault
		want    []outcome
		do      string
	}{
		{name: "nothing", want: fine},
		{name: "nothing: the session may do nothing, so KMS says no", want: fine, service: func(c call) *fault {
			if c.Service == "kms" {
				return &fault{400, "AccessDeniedException", "explicit deny in a session policy"}
			}
			return nil
		}},
		{name: "the hub's credentials", want: []outcome{{"credentials", asr.CodeSignedOut}}, do: "sign in again", service: func(call) *fault {
			return &fault{403, "ExpiredToken", "expired"}
		}},
		{name: "the account", account: "abc", want: []outcome{{"credentials", ""}, {"account", asr.CodeBadTarget}}, do: "12 digits"},
		{name: "the role", want: []outcome{{"credentials", ""}, {"role", asr.CodeNoRole}}, do: "deploy asr-member", sts: func(string, url.Values) *fault {
			return &fault{403, "AccessDenied", user + "sts:AssumeRole"}
		}},
		{name: "the source identity, whatever AWS says", want: []outcome{{"credentials", ""}, {"role", asr.CodeNoRole}}, do: "sts:SetSourceIdentity", sts: func(_ string, q url.Values) *fault {
			if q.Has("SourceIdentity") {
				return &fault{403, "AccessDenied", "no"}
			}
			return nil
		}},
		{name: "the identity", account: "333333333333", want: []outcome{{"credentials", ""}, {"role", ""}, {"identity", asr.CodeNoRole}, {"region", ""}}, do: "pattern"},
		{name: "the Region", want: []outcome{{"credentials", ""}, {"role", ""}, {"identity", ""}, {"region", asr.CodeRegionOff}}, do: "enable eu-west-1", service: func(c call) *fault {
			if c.Service == "kms" {
				return &fault{400, "UnrecognizedClientException", "invalid token"}
			}
			return nil
		}},
		{name: "the Region's answer", want: []outcome{{"credentials", ""}, {"role", ""}, {"identity", ""}, {"region", asr.CodeUnavailable}}, do: "wait", service: func(c call) *fault {
			if c.Service == "kms" {
				return &fault{500, "KMSInternalException", "oops"}
			}
			return nil
		}},
		{name: "nothing, and nothing is assumed", direct: true, account: "111111111111", want: fine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.sts, c.service = tt.sts, tt.service
			if tt.account == "" {
				tt.account = "222222222222"
			}
			results := c.sessions(t, nil, func(c *Config) { c.Direct = tt.direct }).Check(t.Context(), tt.account, "eu-west-1")
			var got []outcome
			do := ""
			for _, r := range results {
				o := outcome{Name: r.Name}
				if r.Err != nil {
					o.Code, do = asr.Classify(r.Err), asr.Advice(r.Err)
				}
				got = append(got, o)
				if r.Err == nil && r.Detail == "" {
					t.Errorf("%s says nothing", r.Name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(do, tt.do) {
				t.Errorf("advice %q, want %q in it", do, tt.do)
			}
			for _, q := range c.tried() {
				if q.Get("Policy") != nothing || q.Get("RoleSessionName") != "asr-doctor" || tt.direct {
					t.Errorf("a session was assumed with policy %s", q.Get("Policy"))
				}
			}
		})
	}
}
