package securityhub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

const (
	maxNote   = 512 // characters of a note, and of a comment
	maxFields = 50  // user-defined fields of a finding
)

// Updater is what a Reporter needs of Security Hub's client.
type Updater interface {
	// Look reads the findings with the id and the product's ARN.
	Look(ctx context.Context, id, product string, opts ...func(*securityhub.Options)) ([]Seen, error)
	BatchUpdateFindings(context.Context, *securityhub.BatchUpdateFindingsInput, ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsOutput, error)
	BatchUpdateFindingsV2(context.Context, *securityhub.BatchUpdateFindingsV2Input, ...func(*securityhub.Options)) (*securityhub.BatchUpdateFindingsV2Output, error)
}

// Reporter tells Security Hub what became of a finding.
type Reporter struct {
	Client Updater
	Region string // the client's
}

// NewReporter reports to the Security Hub of the configuration's account and
// Region: the administrator's, in the Region that findings are aggregated in.
func NewReporter(cfg aws.Config) *Reporter {
	return &Reporter{Client: newUpdater(cfg), Region: cfg.Region}
}

// Report sets a finding's note and workflow status: by BatchUpdateFindings if
// the finding came in ASFF, by BatchUpdateFindingsV2 if it came in OCSF. A
// finding that the Region doesn't know is looked for in the finding's own. User-defined
// fields of others are kept, and a finding that somebody suppressed stays so.
//
// A finding of a product that has no ARN isn't in Security Hub: there is nobody to tell.
// CodeNotFound: Security Hub doesn't know the finding, now or any more.
// CodeUnavailable: another try may do. CodeAWS: it won't. Other errors are AWS's own.
func (r *Reporter) Report(ctx context.Context, rep asr.Report) error {
	if !strings.HasPrefix(rep.Product, "arn:") || rep.Note == "" && rep.Workflow == "" {
		return nil
	}
	tell := r.v1
	if rep.Format == "ocsf" {
		tell = r.v2
	}
	err := tell(ctx, rep)
	if asr.Classify(err) == asr.CodeNotFound && regionName.MatchString(rep.Region) && rep.Region != "aws-global" && rep.Region != r.Region {
		err = tell(ctx, rep, func(o *securityhub.Options) { o.Region = rep.Region })
	}
	if err != nil {
		return fmt.Errorf("report on finding %s: %w", rep.Finding, err)
	}
	return nil
}

func (r *Reporter) v1(ctx context.Context, rep asr.Report, opts ...func(*securityhub.Options)) error {
	product := strings.Replace(rep.Product, "::productv2/", "::product/", 1)
	now, err := r.look(ctx, rep.Finding, product, opts)
	if err != nil {
		return err
	}
	in := &securityhub.BatchUpdateFindingsInput{
		FindingIdentifiers: []types.AwsSecurityFindingIdentifier{{Id: &rep.Finding, ProductArn: &product}},
	}
	suppressed := now.Workflow.Status == types.WorkflowStatusSuppressed
	if rep.Workflow != "" && !suppressed {
		in.Workflow = &types.WorkflowUpdate{Status: types.WorkflowStatus(rep.Workflow)}
	}
	if note := strings.TrimSpace(rep.Note); note != "" {
		in.Note = &types.NoteUpdate{Text: aws.String(clip(note, maxNote)), UpdatedBy: aws.String(asr.NoteAuthor)}
	}
	in.UserDefinedFields = fields(now.UserDefinedFields, rep)
	if in.Workflow == nil && in.Note == nil && in.UserDefinedFields == nil {
		return nil
	}
	out, err := r.Client.BatchUpdateFindings(ctx, in, opts...)
	if err != nil {
		return err
	}
	for _, u := range out.UnprocessedFindings {
		return refused(aws.ToString(u.ErrorCode), aws.ToString(u.ErrorMessage))
	}
	return nil
}

// look reads the finding as it is now.
func (r *Reporter) look(ctx context.Context, id, product string, opts []func(*securityhub.Options)) (Seen, error) {
	found, err := r.Client.Look(ctx, id, product, opts...)
	if err != nil {
		return Seen{}, err
	}
	for _, f := range found {
		if f.ID == id && f.ProductARN == product {
			return f, nil
		}
	}
	return Seen{}, refused("FindingNotFound", "GetFindings doesn't find it")
}

// fields are a finding's user-defined fields with ours among them: also the
// status that a person's SUPPRESSED kept us from setting, so that Echo sees the
// person. nil leaves them as they are: there is no room, or no run to speak of.
// AWS doesn't say whether BatchUpdateFindings keeps the fields that it isn't given.
func fields(now map[string]string, rep asr.Report) map[string]string {
	if rep.Run == "" {
		return nil
	}
	all := maps.Clone(now)
	if all == nil {
		all = map[string]string{}
	}
	delete(all, asr.FieldWorkflow)
	all[asr.FieldRun] = clip(rep.Run, 1024)
	if rep.Workflow != "" {
		all[asr.FieldWorkflow] = rep.Workflow
	}
	if len(all) > maxFields {
		return nil
	}
	return all
}

func (r *Reporter) v2(ctx context.Context, rep asr.Report, opts ...func(*securityhub.Options)) error {
	in := &securityhub.BatchUpdateFindingsV2Input{
		FindingIdentifiers: []types.OcsfFindingIdentifier{{
			CloudAccountUid: &rep.Account, FindingInfoUid: &rep.Finding,
			MetadataProductUid: aws.String(strings.Replace(rep.Product, "::product/", "::productv2/", 1)),
		}},
		Comment: aws.String(comment(rep)),
	}
	if id, ok := statusIDs[rep.Workflow]; ok {
		in.StatusId = &id
	}
	out, err := r.Client.BatchUpdateFindingsV2(ctx, in, opts...)
	if err != nil {
		return err
	}
	for _, u := range out.UnprocessedFindings {
		return refused(string(u.ErrorCode), aws.ToString(u.ErrorMessage))
	}
	return nil
}

// Source: OCSF, status_id of finding classes.
var statusIDs = map[string]int32{
	asr.WorkflowNew: 1, asr.WorkflowNotified: 2, asr.WorkflowSuppressed: 3, asr.WorkflowResolved: 4,
}

// comment is the note with whose it is at its end, so that noteOf knows it.
func comment(rep asr.Report) string {
	sign := ""
	if rep.Run != "" {
		sign = " (" + strings.TrimSpace("asr "+clip(rep.Run, 128)+" "+rep.Workflow) + ")"
	}
	note := strings.TrimSpace(rep.Note)
	if note == "" {
		note = "status set"
	}
	return clip(note, maxNote-len(sign)) + sign
}

// refused is what Security Hub says of a finding that it did not update.
// Source: Security Hub API Reference, BatchUpdateFindingsUnprocessedFinding and
// BatchUpdateFindingsV2UnprocessedFinding.
func refused(code, message string) error {
	e := &asr.Error{Code: asr.CodeAWS, Message: "Security Hub did not update the finding", Err: errors.New(code + ": " + message), Do: "read AWS's message; another try won't help"}
	switch code {
	case "FindingNotFound", "ResourceNotFoundException":
		e.Code, e.Message = asr.CodeNotFound, "Security Hub has no such finding"
		e.Do = "nothing, if it came from a file or is older than 90 days; else let Security Hub aggregate its Region"
	case "ConcurrentUpdateError", "InternalFailure", "ConflictException", "InternalServerException":
		e.Code, e.Do = asr.CodeUnavailable, "wait; it is tried again by itself"
	}
	return e
}
