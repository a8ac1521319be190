package asr

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Target is what a remediation works on: a resource, or a setting of an
// account. It is canonical once Resolve has seen it: one thing, one Target.
type Target struct {
	Partition string `json:"partition"`      // "aws", "aws-cn", "aws-us-gov", …
	Account   string `json:"account"`        // 12 digits
	Region    string `json:"region"`         // where it is changed; the partition's home Region for an account's settings
	Name      string `json:"name,omitempty"` // what {name} stands for in the unit's resource pattern: a bucket, a log group, …
	ID        string `json:"id"`             // the resource's ARN, or the service's own id until it is resolved
}

// On is a target with the parameters and the call that a unit works under.
type On struct {
	Target
	Params json.RawMessage
	Call   Call
}

// Call is what a Write may need to know about the run that it belongs to.
type Call struct {
	Run     string // the run's id
	Token   string // the same for every try of one step: a client request token
	Actor   Actor  // who wanted it
	Finding string // the finding that the run was first started for; "" if for none
	Look    int    // how often the run has read its resource, with this time; 0: this is no reading
}

// OwnerTag is the key of the tag that things made by a run carry; its value is
// the run's id.
const OwnerTag = "asr:run"

// Tags are the tags that everything a run makes must carry.
func (c Call) Tags() map[string]string { return map[string]string{OwnerTag: c.Run} }

// Expand fills in a pattern's {partition}, {region}, {account} and {name}.
func (t Target) Expand(pattern string) string {
	return strings.NewReplacer("{partition}", t.Partition, "{region}", t.Region, "{account}", t.Account, "{name}", t.Name).Replace(pattern)
}

var paramRef = regexp.MustCompile(`\{params\.(\w+)\}`)

// Expand fills in what Target.Expand does, and {params.NAME} with a text
// parameter's value, in which {account} and {region} count too.
func (on On) Expand(pattern string) string {
	var values map[string]any
	_ = json.Unmarshal(on.Params, &values) // parameters are checked before they get here
	pattern = paramRef.ReplaceAllStringFunc(pattern, func(ref string) string {
		if s, ok := values[paramRef.FindStringSubmatch(ref)[1]].(string); ok {
			return s
		}
		return ref
	})
	return on.Target.Expand(pattern)
}

// Narrow puts grants on the real ARNs of one target, those in conditions too.
func (on On) Narrow(grants []Grant) []Grant {
	narrow := make([]Grant, len(grants))
	for i, g := range grants {
		narrow[i] = on.narrow(g)
	}
	return narrow
}

func (on On) narrow(g Grant) Grant {
	g.On = on.Expand(g.On)
	if g.When == nil {
		return g
	}
	when := map[string]map[string]string{}
	for operator, keys := range g.When {
		when[operator] = map[string]string{}
		for key, value := range keys {
			when[operator][key] = on.Expand(value)
		}
	}
	g.When = when
	return g
}

// Scope says what one run of a remediation covers.
type Scope string

const (
	ScopeResource Scope = "resource" // one resource
	ScopeRegion   Scope = "region"   // a setting of an account in one Region
	ScopeAccount  Scope = "account"  // a setting of an account that all Regions share
)

var partitions = []struct{ prefix, partition, home string }{
	{"cn-", "aws-cn", "cn-north-1"},
	{"us-gov-", "aws-us-gov", "us-gov-west-1"},
	{"us-iso-", "aws-iso", "us-iso-east-1"},
	{"us-isob-", "aws-iso-b", "us-isob-east-1"},
	{"eu-isoe-", "aws-iso-e", "eu-isoe-west-1"},
	{"us-isof-", "aws-iso-f", "us-isof-south-1"},
	{"eusc-", "aws-eusc", "eusc-de-east-1"},
	{"", "aws", "us-east-1"},
}

// Partition names the partition that a Region belongs to.
func Partition(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// Home is the Region in which a partition keeps its global services (IAM).
func Home(partition string) string {
	for _, p := range partitions {
		if p.partition == partition {
			return p.home
		}
	}
	return "us-east-1"
}

// Locate finds the target that a remediation means by a finding's resource. A
// resource id that no pattern of the spec matches is kept as it is, for the
// unit's Resolve. The error, an *Error, says what was expected.
func (s Spec) Locate(account, region string, r Resource) (Target, error) {
	if r.Region != "" && r.Region != "aws-global" {
		region = r.Region
	}
	t := Target{Partition: Partition(region), Account: account, Region: region, ID: r.ID}
	if !accountID.MatchString(account) {
		return t, &Error{Code: CodeBadTarget, Message: fmt.Sprintf("%q is no AWS account id", account), Do: "an account has 12 digits: correct it where it comes from"}
	}
	if !regionWord.MatchString(region) {
		return t, &Error{Code: CodeBadTarget, Message: fmt.Sprintf("%.60q is no AWS Region", region), Do: "name one such as eu-west-1"}
	}
	if s.Scope != ScopeResource {
		if s.Scope == ScopeAccount {
			t.Region = Home(t.Partition)
		}
		t.ID = "AWS::::Account:" + account
		return t, nil
	}
	if len(r.ID) > longestID || !utf8.ValidString(r.ID) || strings.ContainsFunc(r.ID, unicode.IsControl) { // Security Hub's limit; no service has such names
		return t, &Error{Code: CodeBadTarget, Message: fmt.Sprintf("%.120q is no name of a resource: it is too long, or holds control characters", r.ID), Do: "name the resource by its ARN"}
	}
	patterns := s.patterns
	if patterns == nil {
		patterns = s.compile
	}
	for _, pattern := range patterns() {
		if found, ok := match(pattern, r.ID); ok {
			return s.accept(t, found)
		}
	}
	if s.Internal != nil && s.Internal.MatchString(r.ID) {
		if s.Global {
			t.Region = Home(t.Partition)
		}
		return t, nil
	}
	return t, &Error{Code: CodeBadTarget, Message: fmt.Sprintf("%q is not a resource of %s", r.ID, s.ID), Do: "it works on " + strings.Join(s.Resources, " or ")}
}

// accept takes from an ARN what it knows better than the finding.
func (s Spec) accept(t, found Target) (Target, error) {
	if found.Account != "" && found.Account != t.Account {
		return t, &Error{Code: CodeBadTarget, Message: fmt.Sprintf("the finding is of account %s but its resource of %s", t.Account, found.Account), Do: "see where the finding comes from: its parts contradict each other"}
	}
	if found.Partition != "" {
		t.Partition = found.Partition
	}
	if found.Region != "" {
		t.Region = found.Region
	}
	if s.Global {
		t.Region = Home(t.Partition)
	}
	if at := Partition(t.Region); t.Region != "" && at != t.Partition {
		return t, &Error{Code: CodeBadTarget, Message: fmt.Sprintf("the resource is in partition %s but its Region, %s, in %s", t.Partition, t.Region, at), Do: "see where the finding comes from: its parts contradict each other"}
	}
	t.Name = found.Name
	t.ID = t.Expand(s.Resources[0])
	return t, nil
}

const longestID = 4 * 2048 // bytes of 2,048 characters

// regionWord is what a Region's name, which becomes part of a host's, is made of.
var regionWord = regexp.MustCompile(`^[a-z0-9-]*$`)

var accountID = regexp.MustCompile(`^\d{12}$`)

// compile makes expressions of the patterns of resources.
func (s Spec) compile() (all []*regexp.Regexp) {
	for _, pattern := range s.Resources {
		expr := regexp.QuoteMeta(pattern)
		for hole, re := range map[string]string{"partition": `aws[a-z-]*`, "region": `[a-z0-9-]*`, "account": `\d*`, "name": `.+`} {
			expr = strings.Replace(expr, `\{`+hole+`\}`, `(?P<`+hole+`>`+re+`)`, 1)
		}
		if re, err := regexp.Compile("^" + expr + "$"); err == nil {
			all = append(all, re)
		}
	}
	return all
}

// match takes an id apart as Expand puts it together.
func match(re *regexp.Regexp, id string) (t Target, ok bool) {
	m := re.FindStringSubmatch(id)
	if m == nil {
		return t, false
	}
	for i, name := range re.SubexpNames() {
		switch name {
		case "partition":
			t.Partition = m[i]
		case "region":
			t.Region = m[i]
		case "account":
			t.Account = m[i]
		case "name":
			t.Name = m[i]
		}
	}
	return t, true
}
