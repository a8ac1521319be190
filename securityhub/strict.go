package securityhub

import (
	"bytes"

	"example.com/asr"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// strict is a finding as Security Hub itself writes it: each field of the type
// that the API Reference gives it. Nearly all findings are such, and are read
// in one go. Whatever isn't is read as asff, which takes far more and twice the
// time; the two come to the same where both read.
type strict struct {
	// What tells that it may be no finding but something that holds some.
	DetailType  present `json:"detail-type"`
	Findings    present
	Records     present
	Type        present
	Class       present `json:"class_uid"`
	FindingInfo present `json:"finding_info"`

	ID           string `json:"Id"`
	ProductARN   string `json:"ProductArn"`
	GeneratorID  string `json:"GeneratorId"`
	Account      string `json:"AwsAccountId"`
	Region       string
	Title        string
	Types        []string
	CreatedAt    instant
	UpdatedAt    instant
	ProcessedAt  instant
	RecordState  string
	Severity     asffSeverity
	Provider     struct{ Severity asffSeverity } `json:"FindingProviderFields"`
	Compliance   strictCompliance
	Product      map[string]string `json:"ProductFields"`
	UserFields   map[string]string `json:"UserDefinedFields"`
	Workflow     struct{ Status string }
	WorkflowOnce string `json:"WorkflowState"`
	Note         struct {
		Text      string
		UpdatedBy string
		UpdatedAt instant
	}
	Resources []struct {
		ID     string `json:"Id"`
		Type   string
		Region string
		Tags   map[string]string
	}
}

type strictCompliance struct {
	Status     string
	Control    string `json:"SecurityControlId"`
	Parameters []struct {
		Name  string
		Value []string
	} `json:"SecurityControlParameters"`
	Standards []asffStandard `json:"AssociatedStandards"`
}

// present is set by any value.
type present bool

// UnmarshalJSON implements json.Unmarshaler.
func (p *present) UnmarshalJSON([]byte) error {
	*p = true
	return nil
}

// instant is a text that is to be a time.
type instant string

func (i instant) moment() (m moment) {
	if i != "" {
		m.read(string(i))
	}
	return m
}

// quick reads findings in ASFF in one go.
type quick struct{ json *jsontext.Decoder }

// asV1 matches names as encoding/json does. Names that come twice and invalid
// UTF-8 are errors: the careful reading takes them.
var asV1 = json.JoinOptions(json.MatchCaseInsensitiveNames(true), jsonv1.MatchCaseSensitiveDelimiter(true))

// whole reads a finding; false if it may be something else, or has to be read
// with more care.
func (q *quick) whole(raw []byte, o origin) (asr.Observation, bool) {
	one, size, ok := q.ahead(raw, o)
	return one, ok && len(bytes.TrimLeft(raw[size:], " \t\r\n")) == 0
}

// ahead reads the finding that the text begins with, and that has the size.
// Whether it is too deep is for others to check.
func (q *quick) ahead(text []byte, o origin) (one asr.Observation, size int, ok bool) {
	if q.json == nil {
		q.json = new(jsontext.Decoder)
	}
	var s strict
	q.json.Reset(bytes.NewBuffer(text))
	err := json.UnmarshalDecode(q.json, &s, asV1)
	size = int(q.json.InputOffset())
	if err != nil || size > MaxFinding || s.DetailType || s.Findings || s.Records || s.Type || s.Class || s.FindingInfo || s.Account == "" {
		return one, 0, false
	}
	one, err = s.asff().observation(o)
	return one, size, err == nil
}

func (s *strict) asff() *asff {
	f := &asff{
		ID: s.ID, ProductARN: s.ProductARN, GeneratorID: s.GeneratorID, Account: s.Account, Region: s.Region, Title: s.Title, Types: spoken(s.Types),
		CreatedAt: s.CreatedAt.moment(), UpdatedAt: s.UpdatedAt.moment(), ProcessedAt: s.ProcessedAt.moment(), RecordState: s.RecordState,
		Severity: s.Severity, Provider: s.Provider, Product: s.Product, UserFields: s.UserFields, Workflow: s.Workflow, WorkflowOnce: s.WorkflowOnce,
	}
	f.Compliance.Status, f.Compliance.Control, f.Compliance.Standards = s.Compliance.Status, s.Compliance.Control, s.Compliance.Standards
	for _, p := range s.Compliance.Parameters {
		f.Compliance.Parameters = append(f.Compliance.Parameters, asffParameter{p.Name, spoken(p.Value)})
	}
	f.Note.Text, f.Note.UpdatedBy, f.Note.UpdatedAt = s.Note.Text, s.Note.UpdatedBy, s.Note.UpdatedAt.moment()
	f.Resources = make([]asffResource, len(s.Resources))
	for i, r := range s.Resources {
		f.Resources[i] = asffResource{r.ID, r.Type, r.Region, r.Tags}
	}
	return f
}

// spoken are the words of a list that aren't empty.
func spoken(list []string) (w words) {
	for _, s := range list {
		if s != "" {
			w = append(w, s)
		}
	}
	return w
}
