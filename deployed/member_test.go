package deployed_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/deployed"
	"example.com/asr/playbook"
	"example.com/asr/render"
	"example.com/asr/sessions"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestTheMemberRoleOfAllRemediationsIsTheCommittedOne(t *testing.T) {
	t.Parallel()
	text, err := deployed.Member(catalog.All(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(committed(t, "asr-member.yaml").text), string(text)); diff != "" {
		t.Error(diff)
	}
}

func TestTheMemberRoleOfAPlaybookGrantsOnlyWhatThatNeeds(t *testing.T) {
	t.Parallel()
	book, err := playbook.Load()
	if err != nil {
		t.Fatal(err)
	}
	var units []asr.Remediation
	for _, u := range catalog.All(nil) {
		if slices.ContainsFunc(book.Entries(), func(e playbook.Entry) bool { return e.Playbook == "CIS v1.4.0" && e.Remediation == u.Spec.ID }) {
			units = append(units, u)
		}
	}
	narrowed, err := deployed.Member(units)
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, "narrowed", narrowed).deploy(t)
	want, err := render.RolePolicies(units, deployed.Always()...)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := map[string]string{}, map[string]string{}
	for _, p := range d.resources("AWS::IAM::ManagedPolicy") {
		got[p.properties["ManagedPolicyName"].(string)] = text(p.properties["PolicyDocument"])
		if roles := text(p.properties["Roles"]); roles != `["asr-member"]` {
			t.Errorf("%s is of %s", p.id, roles)
		}
	}
	for _, w := range want {
		wanted["asr-member-"+w.Name] = normal(t, filled(w.Document))
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
	all := string(narrowed)
	for _, gone := range []string{"sqs:", "redshift:", "asr-ssm-instance", "asr-sns-logging", "SSMInstanceProfile"} {
		if strings.Contains(all, gone) {
			t.Errorf("CIS v1.4.0 needs no %s", gone)
		}
	}
	for _, kept := range []string{"asr-flow-logs", "asr-cloudtrail-logs", "asr-support", "RoleName: !Ref MemberRoleName\n", "s3:PutBucketPolicy"} {
		if !strings.Contains(all, kept) {
			t.Errorf("CIS v1.4.0 needs %s", kept)
		}
	}
}

func filled(document string) string {
	return strings.NewReplacer("${AWS::Partition}", "aws", "${AWS::AccountId}", hubAccount).Replace(document)
}

func normal(t *testing.T, document string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(document), &v); err != nil {
		t.Fatal(err)
	}
	return text(v)
}

func TestTheMemberRolesPoliciesAreWithinIAMsLimits(t *testing.T) {
	t.Parallel()
	d := committed(t, "asr-member.yaml").deploy(t, "AWS::AccountId=222222222222", "AWS::Partition=aws-us-gov")
	policies := d.resources("AWS::IAM::ManagedPolicy")
	if len(policies) == 0 || len(policies) > render.MaxAttached {
		t.Errorf("%d managed policies", len(policies))
	}
	for _, p := range policies {
		if n := len(text(p.properties["PolicyDocument"])); n > render.MaxManagedPolicy {
			t.Errorf("%s has %d characters", p.id, n)
		}
	}
}

// covers: W9
func TestTheMemberRoleTrustsWhomSessionsSay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ org, external, operators string }{
		{}, {org: orgID}, {external: "word"}, {operators: "Operators"}, {orgID, "word", "aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_Security_*"},
	} {
		d := committed(t, "asr-member.yaml").deploy(t, "AWS::AccountId=222222222222", "OrganizationId="+tt.org, "ExternalId="+tt.external, "OperatorsRole="+tt.operators)
		got := d.resource(t, deployed.RoleID).properties["AssumeRolePolicyDocument"]
		want := normal(t, sessions.TrustPolicy(hubAccount, "aws", tt.org, tt.external, tt.operators))
		if diff := cmp.Diff(plainLists(want), plainLists(text(got))); diff != "" {
			t.Errorf("%+v:\n%s", tt, diff)
		}
	}
}

// plainLists writes a list of one as the one, as IAM reads it.
func plainLists(document string) any {
	var v any
	_ = json.Unmarshal([]byte(document), &v) // was written as JSON
	var one func(any) any
	one = func(v any) any {
		switch v := v.(type) {
		case []any:
			for i, inner := range v {
				v[i] = one(inner)
			}
			if len(v) == 1 {
				return v[0]
			}
		case obj:
			for k, inner := range v {
				v[k] = one(inner)
			}
		}
		return v
	}
	return one(v)
}

func TestEveryRoleThatFixesHandOverIsDeployed(t *testing.T) {
	t.Parallel()
	d := committed(t, "asr-member.yaml").deploy(t)
	there := map[string]bool{}
	for _, r := range d.resources("AWS::IAM::Role") {
		if r.properties["Path"] == "/asr/" {
			there[r.properties["RoleName"].(string)] = true
		}
	}
	named := map[string]bool{}
	policies, err := render.RolePolicies(catalog.All(nil), deployed.Always()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range policies {
		for _, part := range strings.Split(p.Document, "role/asr/")[1:] {
			name, _, _ := strings.Cut(part, `"`)
			named[name] = true
		}
	}
	if diff := cmp.Diff(named, there); diff != "" {
		t.Errorf("roles named in grants, and deployed:\n%s", diff)
	}
}

func TestEachRemediationHasARunbookOfItsPlaybooks(t *testing.T) {
	t.Parallel()
	book, err := playbook.Load()
	if err != nil {
		t.Fatal(err)
	}
	tt := committed(t, "asr-runbooks.yaml")
	for parameter, name := range map[string]string{
		"PlaybookSC": "SC", "PlaybookAFSBP": "AFSBP v1.0.0", "PlaybookCIS120": "CIS v1.2.0", "PlaybookCIS140": "CIS v1.4.0",
		"PlaybookCIS300": "CIS v3.0.0", "PlaybookCIS500": "CIS v5.0.0", "PlaybookNIST80053": "NIST 800-53 r5", "PlaybookPCI321": "PCI DSS v3.2.1",
	} {
		want := map[string]bool{}
		for _, e := range book.Entries() {
			if e.Playbook == name && e.Remediation != "" {
				want["asr-"+e.Remediation] = true
			}
		}
		got := map[string]bool{}
		for _, r := range tt.deploy(t, append(switches(tt, "no"), parameter+"=yes")...).resources("AWS::SSM::Document") {
			got[r.properties["Name"].(string)] = true
		}
		if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
			t.Errorf("%s: runbooks wanted and deployed:\n%s", name, diff)
		}
	}
}

// Source: https://docs.aws.amazon.com/general/latest/gr/ssm.html
const maxDocument = 64 << 10

func TestDeployedRunbooksKnowTheHub(t *testing.T) {
	t.Parallel()
	d := committed(t, "asr-runbooks.yaml").deploy(t)
	documents := d.resources("AWS::SSM::Document")
	if len(documents) != len(catalog.All(nil)) {
		t.Errorf("%d runbooks of %d remediations", len(documents), len(catalog.All(nil)))
	}
	for _, r := range documents {
		content := r.properties["Content"].(string)
		raw, err := os.ReadFile(filepath.Join("..", "generated", "runbooks", strings.TrimPrefix(r.properties["Name"].(string), "asr-")+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		var got, want obj
		if err := yaml.Unmarshal([]byte(content), &got); err != nil {
			t.Fatalf("%s: %v", r.id, err)
		}
		if err := yaml.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		parameters := want["parameters"].(obj)
		parameters["AutomationAssumeRole"].(obj)["default"] = "arn:aws:iam::111111111111:role/asr/asr-runbooks-eu-west-1"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", r.id, diff)
		}
		if r.properties["DocumentFormat"] != "YAML" || r.properties["UpdateMethod"] != "NewVersion" || len(content) > maxDocument {
			t.Errorf("%s: %v, %v, %d bytes", r.id, r.properties["DocumentFormat"], r.properties["UpdateMethod"], len(content))
		}
	}
}

func TestPlaybooksThatAreOffAreCalledAsTheyAre(t *testing.T) {
	t.Parallel()
	tt := committed(t, "asr-hub.yaml")
	book, err := playbook.Load()
	if err != nil {
		t.Fatal(err)
	}
	env := tt.deploy(t, switches(tt, "no")...).resource(t, "IngestFunction").properties["Environment"].(obj)["Variables"].(obj)
	off := strings.Split(env["ASR_PLAYBOOKS_OFF"].(string), ",")
	for _, e := range book.Entries() {
		if !slices.Contains(off, e.Playbook) {
			t.Fatalf("%s can't be switched off: %q", e.Playbook, off)
		}
	}
	env = hub(t).resource(t, "IngestFunction").properties["Environment"].(obj)["Variables"].(obj)
	if strings.Trim(env["ASR_PLAYBOOKS_OFF"].(string), ",") != "" {
		t.Errorf("off are %q", env["ASR_PLAYBOOKS_OFF"])
	}
}
