package deployed_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/asr/deployed"
	"go.yaml.in/yaml/v3"
)

type obj = map[string]any

// template is a template as text and as a tree in which functions have their
// long form.
type template struct {
	name string
	text []byte
	tree obj
}

type resource struct {
	id, kind, condition string
	properties          obj
	raw                 obj // with functions
}

func committed(t *testing.T, name string) *template {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "templates", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, text)
}

func all(t *testing.T) (ts []*template) {
	t.Helper()
	for _, name := range deployed.Names {
		ts = append(ts, committed(t, name))
	}
	return ts
}

func parse(t *testing.T, name string, text []byte) *template {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	tree, ok := long(doc.Content[0]).(obj)
	if !ok {
		t.Fatalf("%s is no map", name)
	}
	return &template{name, text, tree}
}

// long turns a node into data, with functions in their long form.
func long(n *yaml.Node) any {
	var v any
	switch n.Kind {
	case yaml.MappingNode:
		m := obj{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = long(n.Content[i+1])
		}
		v = m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, long(c))
		}
		v = list
	default:
		v = n.Value
		if strings.HasPrefix(n.Tag, "!!") && n.Tag != "!!str" {
			_ = n.Decode(&v) // a number or a truth value
		}
	}
	switch short, isFunction := strings.CutPrefix(n.Tag, "!"); {
	case !isFunction || strings.HasPrefix(short, "!"):
		return v
	case short == "Ref" || short == "Condition":
		return obj{short: v}
	case short == "GetAtt":
		id, attribute, _ := strings.Cut(n.Value, ".")
		return obj{"Fn::GetAtt": []any{id, attribute}}
	default:
		return obj{"Fn::" + short: v}
	}
}

func (t *template) section(name string) obj {
	m, _ := t.tree[name].(obj)
	return m
}

// deployment is a template with values for its parameters.
type deployment struct {
	*template
	values map[string]string
}

const (
	hubAccount = "111111111111"
	region     = "eu-west-1"
	orgID      = "o-a1b2c3d4e5"
)

// deploy gives the parameters that have no default a value. Others may be given
// as "Name=value".
func (t *template) deploy(tt *testing.T, given ...string) *deployment {
	tt.Helper()
	values := map[string]string{
		"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": hubAccount, "AWS::URLSuffix": "amazonaws.com", "AWS::StackName": "asr",
		"ArtifactBucket": "artifacts", "ArtifactKey": "asr-1.zip", "HubAccount": hubAccount,
		"HubBusArn": "arn:aws:events:eu-west-1:111111111111:event-bus/asr-hub",
	}
	for name, p := range t.section("Parameters") {
		if d, ok := p.(obj)["Default"]; ok {
			values[name] = fmt.Sprint(d)
		}
	}
	for _, g := range given {
		name, value, _ := strings.Cut(g, "=")
		if _, ok := t.section("Parameters")[name]; !ok && !strings.HasPrefix(name, "AWS::") {
			tt.Fatalf("%s has no parameter %s", t.name, name)
		}
		values[name] = value
	}
	return &deployment{t, values}
}

// resources are those that the deployment makes, in order, with their properties' values.
func (d *deployment) resources(kinds ...string) (found []resource) {
	for _, id := range slices.Sorted(maps.Keys(d.section("Resources"))) {
		r := d.section("Resources")[id].(obj)
		kind, condition := r["Type"].(string), ""
		if c, ok := r["Condition"].(string); ok {
			condition = c
		}
		if len(kinds) > 0 && !slices.Contains(kinds, kind) || condition != "" && !d.holds(condition) {
			continue
		}
		raw, _ := r["Properties"].(obj)
		properties, _ := d.value(raw).(obj)
		found = append(found, resource{id, kind, condition, properties, raw})
	}
	return found
}

func (d *deployment) resource(t *testing.T, id string) resource {
	t.Helper()
	for _, r := range d.resources() {
		if r.id == id {
			return r
		}
	}
	t.Fatalf("%s makes no %s", d.name, id)
	return resource{}
}

func (d *deployment) holds(condition string) bool {
	return d.truth(d.section("Conditions")[condition])
}

func (d *deployment) truth(v any) bool {
	for name, arg := range v.(obj) {
		list, _ := arg.([]any)
		switch name {
		case "Condition":
			return d.holds(arg.(string))
		case "Fn::Equals":
			return fmt.Sprint(d.value(list[0])) == fmt.Sprint(d.value(list[1]))
		case "Fn::Not":
			return !d.truth(list[0])
		case "Fn::Or":
			return slices.ContainsFunc(list, d.truth)
		case "Fn::And":
			return !slices.ContainsFunc(list, func(v any) bool { return !d.truth(v) })
		}
	}
	panic(fmt.Sprintf("no condition: %v", v))
}

type nothing struct{} // AWS::NoValue

// value works functions out.
func (d *deployment) value(v any) any {
	switch v := v.(type) {
	case []any:
		out := []any{}
		for _, inner := range v {
			if w := d.value(inner); w != (nothing{}) {
				out = append(out, w)
			}
		}
		return out
	case obj:
		if name, arg, ok := only(v); ok {
			return d.function(name, arg)
		}
		out := obj{}
		for key, inner := range v {
			if w := d.value(inner); w != (nothing{}) {
				out[key] = w
			}
		}
		return out
	}
	return v
}

// only is a map's single entry, if it is a function.
func only(m obj) (string, any, bool) {
	for name, arg := range m {
		if len(m) == 1 && (name == "Ref" || strings.HasPrefix(name, "Fn::")) {
			return name, arg, true
		}
	}
	return "", nil, false
}

func (d *deployment) function(name string, arg any) any {
	list, _ := arg.([]any)
	switch name {
	case "Ref":
		return d.ref(arg.(string))
	case "Fn::GetAtt":
		return d.attribute(list[0].(string), list[1].(string))
	case "Fn::If":
		if d.holds(list[0].(string)) {
			return d.value(list[1])
		}
		return d.value(list[2])
	case "Fn::Sub":
		return d.sub(arg)
	case "Fn::Join":
		var parts []string
		for _, p := range d.value(list[1]).([]any) {
			parts = append(parts, fmt.Sprint(p))
		}
		return strings.Join(parts, list[0].(string))
	case "Fn::Split":
		var parts []any
		for p := range strings.SplitSeq(d.value(list[1]).(string), list[0].(string)) {
			parts = append(parts, p)
		}
		return parts
	case "Fn::Select":
		return d.value(list[1]).([]any)[list[0].(int)]
	}
	panic("unknown function " + name)
}

func (d *deployment) ref(name string) any {
	if name == "AWS::NoValue" {
		return nothing{}
	}
	if v, ok := d.values[name]; ok {
		return v
	}
	switch r := d.section("Resources")[name].(obj); r["Type"] {
	case "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine", "AWS::SecretsManager::Secret":
		return d.attribute(name, "Arn")
	case "AWS::SQS::Queue":
		return "https://sqs." + region + ".amazonaws.com/" + hubAccount + "/" + d.named(name)
	}
	return d.named(name)
}

var hole = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

func (d *deployment) sub(arg any) string {
	values := obj{}
	if list, ok := arg.([]any); ok {
		arg, values = list[0], list[1].(obj)
	}
	return hole.ReplaceAllStringFunc(arg.(string), func(h string) string {
		name := h[2 : len(h)-1]
		if v, ok := values[name]; ok {
			return fmt.Sprint(d.value(v))
		}
		if id, attribute, ok := strings.Cut(name, "."); ok {
			return d.attribute(id, attribute)
		}
		return fmt.Sprint(d.ref(name))
	})
}

// named is a resource's own name, or its logical id.
func (d *deployment) named(id string) string {
	r, _ := d.section("Resources")[id].(obj)
	properties, _ := r["Properties"].(obj)
	for _, key := range []string{"FunctionName", "StateMachineName", "QueueName", "TableName", "TopicName", "BucketName", "LogGroupName", "RoleName", "Name"} {
		if v, ok := properties[key]; ok {
			return fmt.Sprint(d.value(v))
		}
	}
	return id
}

// attribute is an attribute's value: an ARN of the right form, or the name.
func (d *deployment) attribute(id, name string) string {
	r, ok := d.section("Resources")[id].(obj)
	if !ok {
		panic("no resource " + id)
	}
	own := d.named(id)
	if name != "Arn" {
		return own
	}
	at := ":" + region + ":" + hubAccount + ":"
	switch r["Type"] {
	case "AWS::IAM::Role":
		path, _ := r["Properties"].(obj)["Path"].(string)
		return "arn:aws:iam::" + hubAccount + ":role" + "/" + strings.TrimPrefix(path+own, "/")
	case "AWS::S3::Bucket":
		return "arn:aws:s3:::" + own
	case "AWS::SQS::Queue":
		return "arn:aws:sqs" + at + own
	case "AWS::SNS::Topic":
		return "arn:aws:sns" + at + own
	case "AWS::KMS::Key":
		return "arn:aws:kms" + at + "key/" + id
	case "AWS::DynamoDB::Table":
		return "arn:aws:dynamodb" + at + "table/" + own
	case "AWS::Lambda::Function":
		return "arn:aws:lambda" + at + "function:" + own
	case "AWS::StepFunctions::StateMachine":
		return "arn:aws:states" + at + "stateMachine:" + own
	case "AWS::SecretsManager::Secret":
		return "arn:aws:secretsmanager" + at + "secret:" + own
	case "AWS::Events::EventBus":
		return "arn:aws:events" + at + "event-bus/" + own
	case "AWS::Events::Rule":
		return "arn:aws:events" + at + "rule/" + own
	case "AWS::Logs::LogGroup":
		return "arn:aws:logs" + at + "log-group:" + own + ":*"
	}
	panic(fmt.Sprintf("no ARN known of %s", r["Type"]))
}

func text(v any) string {
	raw, _ := json.Marshal(v) // came from YAML
	return string(raw)
}

func listOf(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	default:
		return []any{v}
	}
}
