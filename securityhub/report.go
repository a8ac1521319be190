package securityhub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"example.com/asr"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
)

const (
	maxNote   = 512 // characters of a note, and of a comment
	maxFields = 50  // user-defined fields of a finding
	maxIDs    = 100 // findings of an update
)

// Updater is what a Reporter needs of Security Hub's client.
type Updater interface {
	// Look reads the findings with one of the ids and one of the products' ARNs, at
	// most 20 of each.
	Look(ctx context.Context, ids, products []string, opts ...func(*securityhub.Options)) ([]Seen, error)
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

// Report implements asr.Reporter, as ReportAll does.
func (r *Reporter) Report(ctx context.Context, rep asr.Report) error {
	return r.ReportAll(ctx, []asr.Report{rep})[0]
}

// ReportAll sets findings' notes and workflow statuses: by BatchUpdateFindings if
// the finding came in ASFF, by BatchUpdateFindingsV2 if it came in OCSF. Findings
// of which the same is told share a call, and a call never costs a finding what
// is wrong with another. A finding that the Region doesn't know is looked for in
// its own. User-defined fields of others are kept, and a finding that somebody
// suppressed stays so.
//
// A finding of a product that has no ARN isn't in Security Hub: there is nobody to tell.
// CodeNotFound: Security Hub doesn't know the finding, now or any more.
// CodeUnavailable: another try may do. CodeAWS: it won't. Other errors are AWS's own.
func (r *Reporter) ReportAll(ctx context.Context, reports []asr.Report) []error {
	all := make([]*telling, len(reports))
	for i, rep := range reports {
		all[i] = &telling{Report: rep, product: strings.Replace(rep.Product, "::productv2/", "::product/", 1)}
	}
	for _, round := range rounds(all) {
		r.tell(ctx, round)
		for _, there := range groups(round, elsewhere(r.Region)) {
			for _, t := range there {
				t.err = nil
			}
			r.tell(ctx, there, func(o *securityhub.Options) { o.Region = there[0].Region })
		}
	}
	errs := make([]error, len(all))
	for i, t := range all {
		if t.err != nil {
			errs[i] = fmt.Errorf("report on finding %s: %w", t.Finding, t.err)
		}
	}
	return errs
}

// elsewhere is the Region that a finding is to be looked for in after the hub's
// didn't know it.
func elsewhere(hub string) func(*telling) string {
	return func(t *telling) string {
		if asr.Classify(t.err) != asr.CodeNotFound || !isRegion(t.Region) || t.Region == "aws-global" || t.Region == hub {
			return ""
		}
		return t.Region
	}
}

// tell tells of findings, each at most once, in one Region.
func (r *Reporter) tell(ctx context.Context, all []*telling, opts ...func(*securityhub.Options)) {
	second := func(t *telling) bool { return t.Format == "ocsf" }
	r.v1(ctx, slices.DeleteFunc(slices.Clone(all), second), opts)
	r.v2(ctx, slices.DeleteFunc(slices.Clone(all), func(t *telling) bool { return !second(t) }), opts)
}

// v1 looks at some findings and tells of them before it looks at the next:
// little time passes between the two.
func (r *Reporter) v1(ctx context.Context, all []*telling, opts []func(*securityhub.Options)) {
	for some := range slices.Chunk(all, maxValues) {
		atOnce(some, func(some []*telling) error { return r.look(ctx, some, opts) })
		for _, same := range groups(some, (*telling).update) {
			atOnce(same, func(same []*telling) error { return r.update(ctx, same, opts) })
		}
	}
}

// look reads the findings as they are now.
func (r *Reporter) look(ctx context.Context, some []*telling, opts []func(*securityhub.Options)) error {
	var ids, products []string
	for _, t := range some {
		ids, products = append(ids, t.Finding), append(products, t.product)
	}
	found, err := r.Client.Look(ctx, distinct(ids), distinct(products), opts...)
	if err != nil {
		return err
	}
	now := map[finding]Seen{}
	for _, f := range found {
		now[finding{f.ID, f.ProductARN}] = f
	}
	for _, t := range some {
		f, ok := now[t.finding()]
		if !ok {
			t.err = refused("FindingNotFound", "GetFindings doesn't find it")
			continue
		}
		t.becomes(f)
	}
	return nil
}

// update sends the same update of several findings.
func (r *Reporter) update(ctx context.Context, same []*telling, opts []func(*securityhub.Options)) error {
	in := &securityhub.BatchUpdateFindingsInput{Workflow: same[0].workflow, Note: same[0].note, UserDefinedFields: same[0].fields}
	for _, t := range same {
		in.FindingIdentifiers = append(in.FindingIdentifiers, types.AwsSecurityFindingIdentifier{Id: &t.Finding, ProductArn: &t.product})
	}
	out, err := r.Client.BatchUpdateFindings(ctx, in, opts...)
	if err != nil {
		return err
	}
	for _, u := range out.UnprocessedFindings {
		var of finding
		if id := u.FindingIdentifier; id != nil {
			of = finding{aws.ToString(id.Id), aws.ToString(id.ProductArn)}
		}
		unprocessed(same, of, refused(aws.ToString(u.ErrorCode), aws.ToString(u.ErrorMessage)))
	}
	return nil
}

// v2 tells without a look before: a comment replaces nothing of others.
func (r *Reporter) v2(ctx context.Context, all []*telling, opts []func(*securityhub.Options)) {
	for _, same := range groups(all, func(t *telling) string { return comment(t.Report) + "\n" + t.Workflow }) {
		for some := range slices.Chunk(same, maxIDs) {
			atOnce(some, func(some []*telling) error { return r.updateV2(ctx, some, opts) })
		}
	}
}

func (r *Reporter) updateV2(ctx context.Context, same []*telling, opts []func(*securityhub.Options)) error {
	in := &securityhub.BatchUpdateFindingsV2Input{Comment: aws.String(comment(same[0].Report))}
	if id, ok := statusIDs[same[0].Workflow]; ok {
		in.StatusId = &id
	}
	for _, t := range same {
		in.FindingIdentifiers = append(in.FindingIdentifiers, types.OcsfFindingIdentifier{
			CloudAccountUid: &t.Account, FindingInfoUid: &t.Finding, MetadataProductUid: aws.String(strings.Replace(t.product, "::product/", "::productv2/", 1)),
		})
	}
	out, err := r.Client.BatchUpdateFindingsV2(ctx, in, opts...)
	if err != nil {
		return err
	}
	for _, u := range out.UnprocessedFindings {
		var of finding
		if id := u.FindingIdentifier; id != nil {
			of = finding{aws.ToString(id.FindingInfoUid), strings.Replace(aws.ToString(id.MetadataProductUid), "::productv2/", "::product/", 1)}
		}
		unprocessed(same, of, refused(string(u.ErrorCode), aws.ToString(u.ErrorMessage)))
	}
	return nil
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
