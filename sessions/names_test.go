package sessions

import (
	"regexp"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
)

func FuzzNamesFitSTS(f *testing.F) {
	for _, s := range []string{"", "x", jane, "arn:aws:iam::111111111111:user/a/b", "run-7", "ü", "a\nb", "::::::"} {
		f.Add(s, s)
	}
	fits := regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)
	f.Fuzz(func(t *testing.T, run, name string) {
		s := &Sessions{}
		a := asr.Actor{Name: name, Verified: true}
		for what, got := range map[string]string{"session": sessionName(asr.Call{Run: run, Actor: a}), "source": s.source(a)} {
			if !fits.MatchString(got) {
				t.Errorf("%s of %q, %q: %q", what, run, name, got)
			}
		}
	})
}

func FuzzAdmittedTargetsNameOneResource(f *testing.F) {
	f.Add("222222222222", "eu-west-1", "alerts")
	f.Add("222222222222", "eu-west-1/x", "*")
	f.Add("", "", "${x}")
	safe := regexp.MustCompile(`^[a-z0-9-]+$`)
	f.Fuzz(func(t *testing.T, account, region, name string) {
		s, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		target := asr.Target{Account: account, Region: region, Name: name}
		if s.admit(&target) != nil {
			return
		}
		if !safe.MatchString(target.Region) || target.Partition == "" {
			t.Errorf("admitted %+v", target)
		}
		rs := remedy.Session{Target: target, Grants: []asr.Grant{asr.Allow(target.Expand("arn:{partition}:s3:::{name}"), "s3:GetObject")}}
		if got := parsed(t, Document(rs.Grants)); len(got) != 1 {
			t.Errorf("policy of %q: %v", name, got)
		}
	})
}
