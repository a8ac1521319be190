package ssmdoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"example.com/asr"
)

// Request is what a runbook in a member account asks for.
type Request struct {
	Account     string            // the event's: AWS says who sent it, not the sender
	Region      string            // that the runbook runs in
	Execution   string            // the runbook's execution, which waits for the outcome
	Remediation string            // that the runbook was made for
	Control     string            // that it answers; a finding has its own
	Finding     string            // a finding's id, or
	Resource    string            // a resource, as findings name it; "": the account's setting
	Params      map[string]string // by the remediation's names; "": the default
}

// detail is what the runbook itself writes.
type detail struct {
	Remediation string            `json:"remediation"`
	Control     string            `json:"control"`
	Region      string            `json:"region"`
	Execution   string            `json:"execution"`
	Finding     string            `json:"finding"`
	Resource    string            `json:"resource"`
	Parameters  map[string]string `json:"parameters"`
}

var (
	accountForm   = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm    = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{1,12}){1,3}-[0-9]{1,2}$`)
	executionForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	remediationID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
)

const (
	maxRequest = 256 << 10 // bytes: what EventBridge takes
	maxName    = 2048      // of a resource's or a finding's id
)

// ParseRequest takes a runbook's request apart. The account is the envelope's
// alone: a request that names one, or a resource or a finding of another, is
// refused with CodeBadTarget. With an error the Request still has Account,
// Region and Execution, if they could be read: somebody waits there.
func ParseRequest(raw []byte) (Request, error) {
	bad := func(message string) error {
		return &asr.Error{Code: asr.CodeBadInput, Message: "request of a runbook: " + message, Do: "start the runbook as asr made it: deploy asr-runbooks of this version"}
	}
	var e envelope
	if len(raw) > maxRequest || json.Unmarshal(raw, &e) != nil {
		return Request{}, bad("not an event")
	}
	if e.Source != "asr.runbook" || e.DetailType != "asr remediation request" || !accountForm.MatchString(e.Account) {
		return Request{}, bad("not an event of a runbook")
	}
	var d detail
	var loose struct{ Region, Execution string }
	strict := json.NewDecoder(bytes.NewReader(e.Detail))
	strict.DisallowUnknownFields()
	err := strict.Decode(&d)
	_ = json.Unmarshal(e.Detail, &loose) // what strict says of it is enough
	q := Request{Account: e.Account}
	if !regionForm.MatchString(loose.Region) || !executionForm.MatchString(loose.Execution) {
		return q, bad("it doesn't say which execution waits, and in which Region")
	}
	q.Region, q.Execution = loose.Region, loose.Execution
	if err != nil {
		return q, bad(err.Error())
	}
	q.Remediation, q.Control, q.Finding, q.Resource, q.Params = d.Remediation, d.Control, d.Finding, d.Resource, d.Parameters
	return q, q.check(bad)
}

func (q Request) check(bad func(string) error) error {
	switch {
	case !remediationID.MatchString(q.Remediation):
		return bad("it names no remediation")
	case q.Control == "" && q.Finding == "":
		return bad("it names neither a finding nor a control")
	case q.Finding != "" && q.Resource != "":
		return bad("it names a finding and a resource")
	case len(q.Finding) > maxName || len(q.Resource) > maxName || len(q.Control) > maxName:
		return bad("a name is too long")
	}
	for _, id := range []string{q.Resource, q.Finding} {
		if other := accountIn(id); other != "" && other != q.Account {
			return &asr.Error{Code: asr.CodeBadTarget, Message: fmt.Sprintf("account %s asks for something of account %s", q.Account, other), Do: "start the runbook in account " + other}
		}
	}
	return nil
}

// accountIn is the account that an id names, "" if it names none.
func accountIn(id string) string {
	if account, is := strings.CutPrefix(id, "AWS::::Account:"); is {
		return account
	}
	if parts := strings.SplitN(id, ":", 6); len(parts) == 6 && parts[0] == "arn" && accountForm.MatchString(parts[4]) {
		return parts[4]
	}
	return ""
}

// ARN is the execution's.
func (q Request) ARN() string {
	return fmt.Sprintf("arn:%s:ssm:%s:%s:automation-execution/%s", asr.Partition(q.Region), q.Region, q.Account, q.Execution)
}

// Requests returns what makes an engine's request of a runbook's, with the
// parameters in the types that the units have for them. With an error the Ask
// still says who waits for an answer, if that could be read.
func Requests(units []asr.Remediation) func(raw []byte) (asr.Ask, error) {
	kinds := map[string]map[string]property{}
	for _, u := range units {
		var s struct{ Properties map[string]property }
		_ = json.Unmarshal(u.Schema, &s) // we made it
		kinds[u.Spec.ID] = s.Properties
	}
	return func(raw []byte) (asr.Ask, error) {
		q, err := ParseRequest(raw)
		if q.Execution == "" {
			return asr.Ask{}, err
		}
		ask := asr.Ask{
			Actor: asr.Actor{Kind: "runbook", Name: q.ARN()}, Account: q.Account, Region: q.Region,
			Finding: q.Finding, Control: q.Control, Resource: asr.Resource{ID: q.Resource},
			Params: map[string]json.RawMessage{}, Reply: &asr.Reply{Account: q.Account, Region: q.Region, Execution: q.Execution},
		}
		for name, value := range q.Params {
			if value != "" {
				ask.Params[name] = kinds[q.Remediation][name].json(value)
			}
		}
		return ask, err
	}
}

// property is a parameter in a unit's JSON Schema.
type property struct {
	Type  string
	Items *property
}

// json is a text as the parameter's type has it. What doesn't fit stays text,
// and the unit says what is wrong with it.
func (p property) json(text string) json.RawMessage {
	quoted, _ := json.Marshal(text) // text always encodes
	switch p.Type {
	case "boolean", "integer", "number":
		if json.Valid([]byte(text)) {
			return json.RawMessage(text)
		}
	case "array":
		all := []json.RawMessage{}
		for _, e := range strings.Split(text, ",") {
			item := property{Type: "string"}
			if p.Items != nil {
				item = *p.Items
			}
			all = append(all, item.json(strings.TrimSpace(e)))
		}
		list, _ := json.Marshal(all) // each is JSON
		return list
	}
	return quoted
}
