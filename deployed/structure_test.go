package deployed_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asr/deployed"
	"github.com/google/go-cmp/cmp"
)

// Limits of CloudFormation.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const (
	maxTemplate   = 1 << 20 // bytes, in S3
	maxResources  = 500
	maxParameters = 200
)

func TestTemplatesAreWithinCloudFormationsLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range all(t) {
		if n := len(tt.text); n > maxTemplate || tt.name == "asr-member.yaml" && n > deployed.MaxDirect {
			t.Errorf("%s has %d bytes", tt.name, n)
		}
		if n := len(tt.section("Resources")); n == 0 || n > maxResources {
			t.Errorf("%s has %d resources", tt.name, n)
		}
		if n := len(tt.section("Parameters")); n > maxParameters {
			t.Errorf("%s has %d parameters", tt.name, n)
		}
	}
}

// covers: O15
func TestTemplatesNeedNoTransformNoNestedStackAndNoBootstrap(t *testing.T) {
	t.Parallel()
	for _, tt := range all(t) {
		for _, section := range []string{"Transform", "Rules", "Mappings"} {
			if tt.tree[section] != nil {
				t.Errorf("%s has %s", tt.name, section)
			}
		}
		for _, word := range []string{"BootstrapVersion", "cdk-hnb659fds", "AWS::CDK::Metadata", "AssetParameters", "AWS::CloudFormation::Stack", "AWS::SSM::Parameter::Value"} {
			if strings.Contains(string(tt.text), word) {
				t.Errorf("%s has %s", tt.name, word)
			}
		}
	}
}

func TestLogicalIDsAreReadable(t *testing.T) {
	t.Parallel()
	hash := regexp.MustCompile(`[0-9A-F]{8}$`)
	for _, tt := range all(t) {
		for id := range tt.section("Resources") {
			if hash.MatchString(id) || len(id) > 48 {
				t.Errorf("%s: %s", tt.name, id)
			}
		}
	}
}

// untagged are types that take no tags.
var untagged = []string{
	"AWS::CloudWatch::Dashboard", "AWS::Events::EventBusPolicy", "AWS::IAM::InstanceProfile", "AWS::IAM::ManagedPolicy", "AWS::KMS::Alias",
	"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission", "AWS::Lambda::Url", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription",
	"AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "Custom::AsrSetup",
}

func TestEveryResourceThatTakesTagsIsTagged(t *testing.T) {
	t.Parallel()
	for _, tt := range all(t) {
		for id, r := range tt.section("Resources") {
			properties, _ := r.(obj)["Properties"].(obj)
			tags := text(properties["Tags"])
			if kind := r.(obj)["Type"].(string); slices.Contains(untagged, kind) != (properties["Tags"] == nil) {
				t.Errorf("%s: %s %s has the tags %s", tt.name, kind, id, tags)
			} else if properties["Tags"] != nil && tags != `[{"Key":"app","Value":"asr"}]` {
				t.Errorf("%s: %s has the tags %s", tt.name, id, tags)
			}
		}
	}
}

// walk calls f with each value under v and the way to it.
func walk(path string, v any, f func(path string, v any)) {
	f(path, v)
	switch v := v.(type) {
	case obj:
		for key, inner := range v {
			walk(path+"."+key, inner, f)
		}
	case []any:
		for i, inner := range v {
			walk(fmt.Sprintf("%s[%d]", path, i), inner, f)
		}
	}
}

func TestNoReferenceDangles(t *testing.T) {
	t.Parallel()
	for _, tt := range all(t) {
		known := func(name string) bool {
			return strings.HasPrefix(name, "AWS::") || tt.section("Parameters")[name] != nil || tt.section("Resources")[name] != nil
		}
		used := map[string]bool{}
		check := func(path, name string) {
			used[name] = true
			if !known(name) {
				t.Errorf("%s: %s refers to %s, which isn't there", tt.name, path, name)
			}
		}
		walk("", tt.tree, func(path string, v any) {
			m, ok := v.(obj)
			if !ok {
				return
			}
			if name, ok := m["Ref"].(string); ok && len(m) == 1 {
				check(path, name)
			}
			if list, ok := m["Fn::GetAtt"].([]any); ok {
				check(path, list[0].(string))
			}
			if arg, ok := m["Fn::Sub"]; ok {
				own := obj{}
				if list, ok := arg.([]any); ok {
					arg, own = list[0], list[1].(obj)
				}
				for _, h := range hole.FindAllStringSubmatch(arg.(string), -1) {
					if id, _, _ := strings.Cut(h[1], "."); own[id] == nil {
						check(path, id)
					}
				}
			}
			if list, ok := m["Fn::If"].([]any); ok && tt.section("Conditions")[list[0].(string)] == nil {
				t.Errorf("%s: %s asks for the condition %s, which isn't there", tt.name, path, list[0])
			}
		})
		for name := range tt.section("Parameters") {
			if !used[name] {
				t.Errorf("%s: nothing uses the parameter %s", tt.name, name)
			}
		}
	}
}

func TestWhatIsConditionalIsUsedUnderItsConditionOnly(t *testing.T) {
	t.Parallel()
	for _, given := range [][]string{
		nil, {"EncryptWithKMS=no", "Api=no", "CustomActions=no", "SyncOnDeploy=no"}, {"NotificationEmail=ops@example.com", "OrganizationId=" + orgID, "PolicyLocation=s3://rules/asr/policy.yaml"},
	} {
		d := committed(t, "asr-hub.yaml").deploy(t, given...)
		made := map[string]bool{}
		for _, r := range d.resources() {
			made[r.id] = true
		}
		for _, r := range d.resources() {
			walk(r.id, d.withoutOthers(r.raw), func(path string, v any) {
				m, _ := v.(obj)
				name, _ := m["Ref"].(string)
				if list, ok := m["Fn::GetAtt"].([]any); ok {
					name = list[0].(string)
				}
				if _, isResource := d.section("Resources")[name]; isResource && !made[name] {
					t.Errorf("with %v, %s refers to %s, which isn't made", given, path, name)
				}
			})
		}
	}
}

// withoutOthers keeps, of each Fn::If, the side that holds.
func (d *deployment) withoutOthers(v any) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, inner := range v {
			out = append(out, d.withoutOthers(inner))
		}
		return out
	case obj:
		if list, ok := v["Fn::If"].([]any); ok && len(v) == 1 {
			if d.holds(list[0].(string)) {
				return d.withoutOthers(list[1])
			}
			return d.withoutOthers(list[2])
		}
		out := obj{}
		for key, inner := range v {
			out[key] = d.withoutOthers(inner)
		}
		return out
	}
	return v
}

// covers: A3
func TestTemplatesFitEveryPartition(t *testing.T) {
	t.Parallel()
	arn := regexp.MustCompile(`arn:aws[a-z-]*:`)
	for _, tt := range all(t) {
		for _, section := range []string{"Resources", "Outputs", "Conditions"} {
			walk(section, tt.tree[section], func(path string, v any) {
				s, ok := v.(string)
				if ok && arn.MatchString(s) && !strings.HasSuffix(path, ".Content.Fn::Sub") {
					t.Errorf("%s: %s names a partition: %s", tt.name, path, s)
				}
				if ok && strings.Contains(s, "amazonaws.com") && !strings.HasSuffix(path, ".Principal.Service") && !strings.HasSuffix(path, ".Principal") && !strings.HasSuffix(path, ".Fn::Sub") && !strings.Contains(path, "iam:PassedToService") && !strings.Contains(path, "iam:AWSServiceName") {
					t.Errorf("%s: %s names a domain: %s", tt.name, path, s)
				}
			})
		}
	}
}

func TestParametersAreGroupedAndDescribed(t *testing.T) {
	t.Parallel()
	for _, tt := range all(t) {
		shown := tt.section("Metadata")["AWS::CloudFormation::Interface"].(obj)
		var grouped []string
		for _, g := range shown["ParameterGroups"].([]any) {
			for _, name := range g.(obj)["Parameters"].([]any) {
				grouped = append(grouped, name.(string))
			}
		}
		var declared []string
		for name, p := range tt.section("Parameters") {
			declared = append(declared, name)
			if d, _ := p.(obj)["Description"].(string); !strings.HasSuffix(d, ".") {
				t.Errorf("%s: %s is described as %q", tt.name, name, d)
			}
			if label, _ := shown["ParameterLabels"].(obj)[name].(obj); label == nil {
				t.Errorf("%s: %s has no label", tt.name, name)
			}
		}
		slices.Sort(grouped)
		slices.Sort(declared)
		if diff := cmp.Diff(declared, grouped); diff != "" {
			t.Errorf("%s: parameters and groups differ:\n%s", tt.name, diff)
		}
	}
}

func TestTheEmbeddedTemplatesAreTheCommittedOnes(t *testing.T) {
	t.Parallel()
	embedded, err := deployed.Templates()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range all(t) {
		if diff := cmp.Diff(string(tt.text), string(embedded[tt.name])); diff != "" {
			t.Errorf("deployed/packed has another %s: make templates\n%s", tt.name, diff)
		}
	}
	if _, err := deployed.Template("asr-other.yaml"); err == nil || !strings.Contains(err.Error(), "asr-hub.yaml") {
		t.Errorf("a template that isn't there: %v", err)
	}
}
