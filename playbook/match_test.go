package playbook

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"example.com/asr"
	"github.com/google/go-cmp/cmp"
)

// covers: W24
func TestAControlIsFoundByAnyOfItsNames(t *testing.T) {
	t.Parallel()
	b := load(t)
	for _, test := range []struct{ id, playbook, control string }{
		{"S3.2", "SC", "S3.2"},
		{" s3.2 ", "SC", "S3.2"},
		{"AutoScaling.5", "SC", "Autoscaling.5"},
		{"CIS.1.4.0/1.12", "CIS v1.4.0", "IAM.22"},
		{"cis v1.4.0/1.12", "CIS v1.4.0", "IAM.22"},
		{"cis-aws-foundations-benchmark/v/1.4.0/1.12", "CIS v1.4.0", "IAM.22"},
		{"PCI.S3.2", "PCI DSS v3.2.1", "S3.2"},
		{"PCI/PCI.S3.1", "PCI DSS v3.2.1", "S3.3"},
		{"FSBP.1.0.0/ELBv2.1", "AFSBP v1.0.0", "ELB.1"},
		{"ELBv2.1", "AFSBP v1.0.0", "ELB.1"},
		{"IAM.10", "PCI DSS v3.2.1", "IAM.10"},
		{"2.3.3", "CIS v3.0.0", "RDS.2"},
		{"arn:aws-us-gov:securityhub:us-gov-west-1:111111111111:subscription/nist-800-53/v/5.0.0/EC2.6/finding/1", "NIST 800-53 r5", "EC2.6"},
		{"arn:aws-cn:securityhub:cn-north-1:111111111111:security-control/EC2.6/finding/1", "SC", "EC2.6"},
	} {
		t.Run(test.id, func(t *testing.T) {
			t.Parallel()
			m, err := b.Control(test.id)
			if err != nil {
				t.Fatalf("%v (%s)", err, asr.Advice(err))
			}
			if m.Playbook != test.playbook || m.Control != test.control {
				t.Errorf("got %s %s, want %s %s", m.Playbook, m.Control, test.playbook, test.control)
			}
		})
	}
}

func TestAnUnknownOrAmbiguousControlNamesThoseThatAreNear(t *testing.T) {
	t.Parallel()
	b := load(t)
	for _, test := range []struct{ id, message, do string }{
		{"3.1", "3.1 is a control of several standards", "name one: CIS.1.2.0/3.1, CIS.1.4.0/3.1, CIS.3.0.0/3.1, CIS.5.0.0/3.1"},
		{"CIS/3.1", "there is no control CIS/3.1", "did you mean CIS.1.2.0/3.1, CIS.1.4.0/3.1, CIS.3.0.0/3.1, CIS.5.0.0/3.1?"},
		{"CIS.9/1.12", "there is no control CIS.9/1.12", "did you mean CIS.1.4.0/1.12, CIS.3.0.0/1.12?"},
		{"S33.2", "there is no control S33.2", "did you mean S3.2"},
		{"ClodWatch.16", "there is no control ClodWatch.16", "did you mean CloudWatch.16"},
		{"", "there is no control ", "did you mean"},
		{strings.Repeat("x", 1000), "there is no control xxx", "asr controls"},
	} {
		_, err := b.Control(test.id)
		var e *asr.Error
		if !errors.As(err, &e) || e.Code != asr.CodeNotFound || !strings.HasPrefix(e.Message, test.message) || !strings.Contains(e.Do, test.do) && test.id != "" {
			t.Errorf("Control(%q) = %v; do: %s", test.id, err, asr.Advice(err))
		}
	}
}

func TestAFindingThatNoPlaybookKnowsHasNoRemediation(t *testing.T) {
	t.Parallel()
	b := load(t)
	for want, p := range map[string]asr.Provider{
		"no playbook knows the control Nope.1":            {Control: "Nope.1"},
		"no playbook knows 9 of x 1":                      {Standard: asr.Standard{Name: "x", Version: "1", Control: "9"}},
		"no playbook knows the rule my-rule":              {Rule: "my-rule"},
		"the finding names no control and no rule":        {},
		"no playbook knows the control " + long(79) + "…": {Control: long(100)},
	} {
		_, err := b.Match(finding(p))
		if asr.Classify(err) != asr.CodeNoRemediation || err.Error() != want || asr.Advice(err) == "" {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func long(n int) string { return strings.Repeat("é", n) }

func TestAFindingsParametersBecomeOurs(t *testing.T) {
	t.Parallel()
	b := load(t)
	for _, test := range []struct {
		name, control string
		given         map[string]json.RawMessage
		want          string // JSON, or the error
	}{
		{"a number in text", "CloudWatch.16", raw("MinRetentionTime", `"731"`), `{"days":731}`},
		{"a number", "CloudWatch.16", raw("minRetentionTime", `731`), `{"days":731}`},
		{"a number with a fraction of nothing", "CloudWatch.16", raw("minRetentionTime", `731.0`), `{"days":731}`},
		{"a list of one", "CloudWatch.16", raw("minRetentionTime", `["731"]`), `{"days":731}`},
		{"no value", "CloudWatch.16", raw("minRetentionTime", `""`), `{}`},
		{"null", "CloudWatch.16", raw("minRetentionTime", `null`), `{}`},
		{"a name that is not ours", "CloudWatch.16", raw("logGroupNames", `"a"`), `{}`},
		{"no number", "CloudWatch.16", raw("MinRetentionTime", `"a year"`), `parameter MinRetentionTime of CloudWatch.16 is "a year": a whole number is wanted`},
		{"half a day", "CloudWatch.16", raw("MinRetentionTime", `0.5`), `parameter MinRetentionTime of CloudWatch.16 is 0.5: a whole number is wanted`},
		{"two for one", "CloudWatch.16", raw("MinRetentionTime", `[1,2]`), `parameter MinRetentionTime of CloudWatch.16 is [1,2]: one value is wanted, not a list`},
		{"no JSON", "CloudWatch.16", raw("MinRetentionTime", `{`), `parameter MinRetentionTime of CloudWatch.16 is {: not JSON`},
		{"text with commas and a range", "EC2.18", raw("authorizedTcpPorts", `"80, 443,1020-1025"`), `{"allowTCP":["80","443","1020-1025"]}`},
		{"a list of numbers", "EC2.18", raw("authorizedTcpPorts", `[80,443]`), `{"allowTCP":["80","443"]}`},
		{"a list in text", "EC2.18", raw("authorizedTcpPorts", `"[80,\"443\"]"`), `{"allowTCP":["80","443"]}`},
		{"one port", "EC2.18", raw("authorizedTcpPorts", `80`), `{"allowTCP":["80"]}`},
		{"an empty list", "EC2.18", raw("authorizedUdpPorts", `[]`), `{"allowUDP":[]}`},
		{"a list of lists", "EC2.18", raw("authorizedUdpPorts", `[[1,2]]`), `parameter authorizedUdpPorts of EC2.18 is [[1,2]]: a list of plain values is wanted`},
		{"truth in text", "IAM.7", raw("RequireSymbols", `"True"`), `{"symbol":true}`},
		{"no truth", "IAM.7", raw("RequireSymbols", `"yes"`), `parameter RequireSymbols of IAM.7 is "yes": true or false is wanted`},
		{"IAM.11 hears of upper case letters only", "IAM.11", map[string]json.RawMessage{"RequireUppercaseCharacters": []byte(`"true"`), "MinimumPasswordLength": []byte(`"20"`)}, `{"upper":true}`},
		{"text", "APIGateway.1", raw("loggingLevel", `["INFO"]`), `{"level":"INFO"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, err := b.Match(finding(asr.Provider{Control: test.control, Parameters: test.given}))
			if err != nil {
				if asr.Classify(err) != asr.CodeBadParams || asr.Advice(err) == "" {
					t.Errorf("%s: %v", asr.Classify(err), err)
				}
				if diff := cmp.Diff(test.want, err.Error()); diff != "" {
					t.Error(diff)
				}
				return
			}
			got, err := json.Marshal(m.Finding)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIntegersInAList(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{`"22, 3389"`: `[22,3389]`, `[22]`: `[22]`, `["x"]`: "a list of whole numbers is wanted", `{}`: "a list is wanted"} {
		v, _, wrong := convert(json.RawMessage(given), "ints")
		if got := string(v) + wrong; got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}

func FuzzConvert(f *testing.F) {
	for _, seed := range []string{`1`, `"a,b"`, `[1,"2"]`, `"[1]"`, `"\"[\\\"[1]\\\"]\""`, `null`, `{}`} {
		for kind := range kinds {
			f.Add(seed, kind)
		}
	}
	f.Fuzz(func(t *testing.T, given string, kind int) {
		v, set, wrong := convert(json.RawMessage(given), kinds[uint(kind)%uint(len(kinds))])
		if set != json.Valid(v) || set && wrong != "" {
			t.Fatalf("%s: %s, %v, %s", given, v, set, wrong)
		}
	})
}
