package securityhub

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// fakeUpdater is a Security Hub in one Region with one finding.
type fakeUpdater struct {
	region  string // where the finding is
	finding Seen
	refuse  string // an ErrorCode
	err     error
	v1      []*securityhub.BatchUpdateFindingsInput
	v2      []*securityhub.BatchUpdateFindingsV2Input
	looks   int
}

func (u *fakeUpdater) elsewhere(opts []func(*securityhub.Options)) bool {
	o := securityhub.Options{Region: "us-east-1"}
	for _, f := range opts {
		f(&o)
	}
	return o.Region != u.region
}

func (u *fakeUpdater) Look(_ context.Context, _, _ []string, opts ...func(*securityhub.Options)) ([]Seen, error) {
	u.looks++
	if u.elsewhere(opts) {
		return nil, u.err
	}
	return []Seen{{ID: "another", ProductARN: u.finding.ProductARN}, u.finding}, u.err
}

func (u *fakeUpdater) BatchUpdateFindings(_ context.Context, in *securityhub.BatchUpdateFindingsInput, _ ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsOutput, error) {
	u.v1 = append(u.v1, in)
	out := &securityhub.BatchUpdateFindingsOutput{}
	if u.refuse != "" {
		out.UnprocessedFindings = []types.BatchUpdateFindingsUnprocessedFinding{{ErrorCode: &u.refuse, ErrorMessage: aws.String("because")}}
	}
	return out, u.err
}

func (u *fakeUpdater) BatchUpdateFindingsV2(_ context.Context, in *securityhub.BatchUpdateFindingsV2Input, opts ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsV2Output, error) {
	u.v2 = append(u.v2, in)
	out := &securityhub.BatchUpdateFindingsV2Output{}
	refuse := u.refuse
	if u.elsewhere(opts) {
		refuse = "ResourceNotFoundException"
	}
	if refuse != "" {
		out.UnprocessedFindings = []types.BatchUpdateFindingsV2UnprocessedFinding{{ErrorCode: types.BatchUpdateFindingsV2UnprocessedFindingErrorCode(refuse), ErrorMessage: aws.String("because")}}
	}
	return out, u.err
}

const productV1 = "arn:aws:securityhub:us-east-1::product/aws/securityhub"

var productV2 = strings.Replace(productV1, "::product/", "::productv2/", 1)

func fakeWith(status types.WorkflowStatus, fields map[string]string) *fakeUpdater {
	u := &fakeUpdater{region: "us-east-1", finding: Seen{ID: "f1", ProductARN: productV1, UserDefinedFields: fields}}
	u.finding.Workflow.Status = status
	return u
}

func verified() asr.Report {
	return asr.Report{Finding: "f1", Product: productV1, Format: "asff", Account: "111111111111", Region: "eu-west-1", Workflow: asr.WorkflowResolved, Note: "Bucket policy denies HTTP.", Run: "r1"}
}

var ignoreSerde = cmpopts.IgnoreUnexported(securityhub.BatchUpdateFindingsInput{}, securityhub.BatchUpdateFindingsV2Input{},
	types.AwsSecurityFindingIdentifier{}, types.NoteUpdate{}, types.WorkflowUpdate{}, types.OcsfFindingIdentifier{})

func TestAnASFFFindingIsReportedByTheFirstAPI(t *testing.T) {
	t.Parallel()
	id := []types.AwsSecurityFindingIdentifier{{Id: aws.String("f1"), ProductArn: aws.String(productV1)}}
	note := &types.NoteUpdate{Text: aws.String("Bucket policy denies HTTP."), UpdatedBy: aws.String("asr")}
	resolved := &types.WorkflowUpdate{Status: types.WorkflowStatusResolved}
	many := map[string]string{}
	for i := range 49 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	tests := []struct {
		name   string
		hub    *fakeUpdater
		change func(*asr.Report)
		want   *securityhub.BatchUpdateFindingsInput
	}{
		{name: "verified", hub: fakeWith("NEW", nil), want: &securityhub.BatchUpdateFindingsInput{
			FindingIdentifiers: id, Note: note, Workflow: resolved, UserDefinedFields: map[string]string{"asr:run": "r1", "asr:workflow": "RESOLVED"},
		}},
		{name: "named by its second ARN", hub: fakeWith("NEW", nil), change: func(r *asr.Report) { r.Product = productV2 }, want: &securityhub.BatchUpdateFindingsInput{
			FindingIdentifiers: id, Note: note, Workflow: resolved, UserDefinedFields: map[string]string{"asr:run": "r1", "asr:workflow": "RESOLVED"},
		}},
		{name: "fields of others are kept", hub: fakeWith("NEW", map[string]string{"ticket": "OPS-1", "asr:run": "r0"}), want: &securityhub.BatchUpdateFindingsInput{
			FindingIdentifiers: id, Note: note, Workflow: resolved, UserDefinedFields: map[string]string{"ticket": "OPS-1", "asr:run": "r1", "asr:workflow": "RESOLVED"},
		}},
		{name: "there is no room for ours", hub: fakeWith("NEW", many), want: &securityhub.BatchUpdateFindingsInput{FindingIdentifiers: id, Note: note, Workflow: resolved}},
		{name: "somebody suppressed it", hub: fakeWith("SUPPRESSED", nil), want: &securityhub.BatchUpdateFindingsInput{
			FindingIdentifiers: id, Note: note, UserDefinedFields: map[string]string{"asr:run": "r1", "asr:workflow": "RESOLVED"},
		}},
		{name: "a note only", hub: fakeWith("NEW", map[string]string{"asr:workflow": "NOTIFIED"}), change: func(r *asr.Report) { r.Workflow = "" }, want: &securityhub.BatchUpdateFindingsInput{
			FindingIdentifiers: id, Note: note, UserDefinedFields: map[string]string{"asr:run": "r1"},
		}},
		{name: "a status only", hub: fakeWith("NEW", nil), change: func(r *asr.Report) { r.Note, r.Run = " ", "" }, want: &securityhub.BatchUpdateFindingsInput{FindingIdentifiers: id, Workflow: resolved}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rep := verified()
			if tt.change != nil {
				tt.change(&rep)
			}
			r := Reporter{Client: tt.hub, Region: "us-east-1"}
			if err := r.Report(t.Context(), rep); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]*securityhub.BatchUpdateFindingsInput{tt.want}, tt.hub.v1, ignoreSerde); diff != "" || len(tt.hub.v2) > 0 {
				t.Errorf("BatchUpdateFindings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOCSFFindingIsReportedByTheSecondAPI(t *testing.T) {
	t.Parallel()
	for workflow, want := range map[string]*int32{"": nil, "NEW": aws.Int32(1), "NOTIFIED": aws.Int32(2), "SUPPRESSED": aws.Int32(3), "RESOLVED": aws.Int32(4)} {
		hub := fakeWith("NEW", nil)
		rep := verified()
		rep.Format, rep.Workflow = "ocsf", workflow
		r := Reporter{Client: hub, Region: "us-east-1"}
		if err := r.Report(t.Context(), rep); err != nil {
			t.Fatal(err)
		}
		comment := strings.Replace("Bucket policy denies HTTP. (asr r1 "+workflow+")", " )", ")", 1)
		in := &securityhub.BatchUpdateFindingsV2Input{
			FindingIdentifiers: []types.OcsfFindingIdentifier{{CloudAccountUid: aws.String("111111111111"), FindingInfoUid: aws.String("f1"), MetadataProductUid: aws.String(productV2)}},
			Comment:            &comment, StatusId: want,
		}
		if diff := cmp.Diff([]*securityhub.BatchUpdateFindingsV2Input{in}, hub.v2, ignoreSerde); diff != "" || len(hub.v1)+hub.looks > 0 {
			t.Errorf("BatchUpdateFindingsV2 (-want +got):\n%s", diff)
		}
		note, fields := noteOf(comment)
		ours := workflow != asr.WorkflowSuppressed // which only people set
		if (asr.Workflow{Status: workflow, Note: note, UserFields: fields}).Echo() != ours || note.Text != rep.Note || fields[asr.FieldRun] != "r1" {
			t.Errorf("our own comment comes back as %+v, %v", note, fields)
		}
	}
}

// covers: W4
func TestNotesFit(t *testing.T) {
	t.Parallel()
	rep := verified()
	rep.Note = strings.Repeat("ü", 600)
	hub := fakeWith("NEW", nil)
	r := Reporter{Client: hub, Region: "us-east-1"}
	if err := r.Report(t.Context(), rep); err != nil {
		t.Fatal(err)
	}
	rep.Format = "ocsf"
	if err := r.Report(t.Context(), rep); err != nil {
		t.Fatal(err)
	}
	note, comment := *hub.v1[0].Note.Text, *hub.v2[0].Comment
	if utf8.RuneCountInString(note) != 512 || !strings.HasSuffix(note, "ü…") {
		t.Errorf("a note of %d characters that ends with %q", utf8.RuneCountInString(note), note[len(note)-8:])
	}
	if utf8.RuneCountInString(comment) != 512 || !strings.HasSuffix(comment, "ü… (asr r1 RESOLVED)") {
		t.Errorf("a comment of %d characters that ends with %q", utf8.RuneCountInString(comment), comment[len(comment)-30:])
	}
}

func TestAFindingIsLookedForInItsOwnRegionToo(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"asff", "ocsf"} {
		hub := fakeWith("NEW", nil)
		hub.region = "eu-west-1"
		rep := verified()
		rep.Format = format
		r := Reporter{Client: hub, Region: "us-east-1"}
		if err := r.Report(t.Context(), rep); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		for _, region := range []string{"us-east-1", "eu.evil.example#", "aws-global", ""} {
			rep.Region = region
			if err := r.Report(t.Context(), rep); asr.Classify(err) != asr.CodeNotFound {
				t.Errorf("%s in %q: %v, want not_found", format, region, err)
			}
		}
	}
}

func TestWhatSecurityHubRefusesIsAnError(t *testing.T) {
	t.Parallel()
	codes := map[string]asr.Code{
		"FindingNotFound": asr.CodeNotFound, "ResourceNotFoundException": asr.CodeNotFound,
		"ConcurrentUpdateError": asr.CodeUnavailable, "InternalServerException": asr.CodeUnavailable,
		"InvalidInput": asr.CodeAWS, "FindingSizeExceeded": asr.CodeAWS, "ValidationException": asr.CodeAWS,
	}
	for code, want := range codes {
		for _, format := range []string{"asff", "ocsf"} {
			hub := fakeWith("NEW", nil)
			hub.refuse = code
			rep := verified()
			rep.Format, rep.Region = format, "us-east-1"
			r := Reporter{Client: hub, Region: "us-east-1"}
			err := r.Report(t.Context(), rep)
			if asr.Classify(err) != want || !strings.Contains(err.Error(), code+": because") || asr.Advice(err) == "" {
				t.Errorf("%s, %s: %v (%s), want %s", format, code, err, asr.Classify(err), want)
			}
		}
	}
	down := errors.New("down")
	hub := fakeWith("NEW", nil)
	hub.err = down
	r := Reporter{Client: hub, Region: "us-east-1"}
	if err := r.Report(t.Context(), verified()); !errors.Is(err, down) {
		t.Errorf("AWS's own error: %v", err)
	}
}

// covers: W11
func TestNobodyIsToldOfFindingsThatAreNotInSecurityHub(t *testing.T) {
	t.Parallel()
	hub := fakeWith("NEW", nil)
	r := Reporter{Client: hub, Region: "us-east-1"}
	fromFile, nothing := verified(), verified()
	fromFile.Product = "prowler"
	nothing.Note, nothing.Workflow = "", ""
	for _, rep := range []asr.Report{fromFile, nothing} {
		if err := r.Report(t.Context(), rep); err != nil || hub.looks+len(hub.v1)+len(hub.v2) > 0 {
			t.Errorf("%+v: %v", rep, err)
		}
	}
}

func TestANewReporterTalksToItsRegion(t *testing.T) {
	t.Parallel()
	r := NewReporter(aws.Config{Region: "eu-central-1"})
	if r.Region != "eu-central-1" || r.Client == nil {
		t.Errorf("%+v", r)
	}
}
