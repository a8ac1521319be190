package securityhub

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"example.com/asr"
)

// outline is what tells the kinds of documents apart.
type outline struct {
	DetailType  *string         `json:"detail-type"`
	Source      json.RawMessage `json:"source"`
	Time        json.RawMessage `json:"time"`
	Detail      json.RawMessage `json:"detail"`
	Findings    json.RawMessage `json:"Findings"`
	Records     json.RawMessage `json:"Records"`
	Type        json.RawMessage `json:"Type"`
	Message     json.RawMessage `json:"Message"`
	Class       json.RawMessage `json:"class_uid"`
	FindingInfo json.RawMessage `json:"finding_info"`
	Schema      json.RawMessage `json:"SchemaVersion"`
	Account     json.RawMessage `json:"AwsAccountId"`
	Product     json.RawMessage `json:"ProductArn"`
}

// document takes one that is small enough, whatever it is. Of what holds findings
// only those are rejected that are too deep themselves.
func (d *decoder) document(p piece, o origin) error {
	var doc outline
	err := json.Unmarshal(p.raw, &doc)
	switch {
	case err != nil && p.deep:
		return d.tooDeep(p, o)
	case err != nil:
		return d.reject(o, p, "%s", wrong(err))
	case doc.DetailType != nil:
		return d.event(p, doc, o)
	case isList(doc.Findings):
		return d.nested(doc.Findings, o, findings, MaxFinding, d.listed)
	case isList(doc.Records):
		return d.nested(doc.Records, o, "Records", MaxDocument, d.record)
	case p.deep:
		return d.tooDeep(p, o)
	case plain(doc.Type) == "Notification" && plain(doc.Message) != "":
		return d.inner(p, plain(doc.Message), o.below("Message"))
	case doc.Class != nil || doc.FindingInfo != nil:
		return d.finding(p, o, fromOCSF)
	case doc.Schema != nil || doc.Account != nil || doc.Product != nil:
		return d.finding(p, o, fromASFF)
	}
	return d.reject(o, p, "this is no finding in ASFF or OCSF, and no event that holds some")
}

func isList(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '[' }

// nested takes the elements of a list that is in memory.
func (d *decoder) nested(raw json.RawMessage, o origin, name string, limit int, take func(piece, origin) error) error {
	var all []json.RawMessage
	_ = json.Unmarshal(raw, &all) // a list, of a document that was read before
	for i, one := range all {
		if err := take(inMemory(one, limit), o.in(name, i)); err != nil {
			return err
		}
	}
	return nil
}

// event takes what EventBridge delivers.
// Source: Security Hub User Guide, "EventBridge event formats".
func (d *decoder) event(p piece, doc outline, o origin) error {
	var detail struct {
		ActionName string            `json:"actionName"`
		Findings   []json.RawMessage `json:"findings"`
	}
	if from := plain(doc.Source); from != "aws.securityhub" {
		return d.reject(o, p, "source is %q: events of Security Hub are from aws.securityhub", clip(from, 60))
	}
	switch *doc.DetailType {
	case "Security Hub Findings - Imported", "Findings Imported V2":
		o.kind = asr.SourceImported
	case "Security Hub Findings - Custom Action":
		o.kind = asr.SourceCustomAction
	default:
		return d.reject(o, p, "detail-type is %q: no event that holds findings", clip(*doc.DetailType, 60))
	}
	if err := json.Unmarshal(orNull(doc.Detail), &detail); err != nil {
		return d.reject(o.below("detail"), p, "%s", wrong(err))
	}
	var sent moment
	_ = json.Unmarshal(orNull(doc.Time), &sent) // what is no time says nothing
	o.action, o.sent = detail.ActionName, o.past(sent.Time)
	if o.sent.IsZero() {
		o.sent = o.at
	}
	if len(detail.Findings) == 0 {
		return d.reject(o, p, "detail.findings is missing")
	}
	for i, one := range detail.Findings {
		if err := d.listed(inMemory(one, MaxFinding), o.in(findings, i)); err != nil {
			return err
		}
	}
	return nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// record takes a record of a Lambda SQS event, or of an SNS one.
func (d *decoder) record(p piece, o origin) error {
	var r struct {
		Body *string `json:"body"`
		SNS  struct {
			Message *string
		} `json:"Sns"`
	}
	switch err := json.Unmarshal(p.raw, &r); {
	case p.cut():
		return d.piece(p, o) // says so
	case p.deep:
		return d.tooDeep(p, o)
	case err != nil:
		return d.reject(o, p, "%s", wrong(err))
	case r.Body != nil:
		return d.inner(p, *r.Body, o.below("body"))
	case r.SNS.Message != nil:
		return d.inner(p, *r.SNS.Message, o.below("Sns.Message"))
	}
	return d.reject(o, p, "body is missing")
}

// finding takes a finding, whose format is known.
func (d *decoder) finding(p piece, o origin, from func([]byte, origin) (asr.Observation, error)) error {
	if len(p.raw) > MaxFinding {
		return d.reject(o, p, "it has %d bytes, and at most %d are taken", len(p.raw), MaxFinding)
	}
	one, err := from(p.raw, o)
	if err != nil {
		return d.reject(o, p, "%s", wrong(err))
	}
	return d.take(one, o)
}

func (d *decoder) take(one asr.Observation, o origin) error {
	one.Source, one.Action, one.At = o.kind, o.action, o.at
	if !o.sent.IsZero() {
		one.At = o.sent
	}
	d.obs = append(d.obs, one)
	return d.flush(chunk)
}

// wrong says what is wrong in terms of the input.
func wrong(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		field := kind.Field
		if field == "" {
			field = "it"
		}
		return fmt.Sprintf("%s has the wrong type: %s", field, strings.SplitN(kind.Value, " ", 2)[0])
	case errors.As(err, &syntax):
		return "this is not JSON: " + syntax.Error()
	}
	return err.Error()
}
