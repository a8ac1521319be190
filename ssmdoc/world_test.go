package ssmdoc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/memory"
	"example.com/asr/playbook"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// declared is a playbook with one of AWS's own documents.
const declared = `
playbook: House
rules:
  house-bucket-closed: {control: House.1, remediation: house-close-bucket}
documents:
  house-close-bucket:
    document: AWS-DisableS3BucketPublicReadWrite
    role: service/house-ssm
    parameters: {S3BucketName: "{resource.name}", AutomationAssumeRole: "{role}"}
    title: Close a bucket
    impact: Anonymous requests to the bucket are denied.
    risk: medium
    risk_why: who relies on public objects notices
    resources: ["arn:{partition}:s3:::{name}"]
`

const awsOwn = "AWS-DisableS3BucketPublicReadWrite"

var ada = asr.Actor{Kind: "person", Name: "arn:aws:iam::111111111111:user/ada", Verified: true}

// world is an account, a playbook and the real engine, with a clock that jumps.
type world struct {
	t      *testing.T
	acct   *remedytest.Account
	api    *ssm.Client
	store  *store
	book   *playbook.Book
	engine *asr.Engine

	mu  sync.Mutex
	now time.Time
}

// store can be made to fail at a commit, as if the process had ended there.
type store struct {
	*memory.Store
	fuse func() (before, after bool)
}

func (s *store) Commit(ctx context.Context, b *asr.Batch) error {
	before, after := false, false
	if s.fuse != nil {
		before, after = s.fuse()
	}
	if before {
		return fmt.Errorf("killed before a commit")
	}
	if err := s.Store.Commit(ctx, b); err != nil || !after {
		return err
	}
	return fmt.Errorf("killed after a commit")
}

// clear is a vault that hides nothing.
type clear struct{}

func (clear) Seal(s string) (string, error) { return s, nil }
func (clear) Open(s string) (string, error) { return s, nil }

func newWorld(t *testing.T, text string) *world {
	t.Helper()
	acct := remedytest.NewAccount(t)
	w := &world{t: t, acct: acct, api: ssm.NewFromConfig(acct.Config), store: &store{Store: memory.New()}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	_, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("house-ssm"), Path: aws.String("/service/"),
		AssumeRolePolicyDocument: aws.String(`{"Statement":[{"Effect":"Allow","Principal":{"Service":"ssm.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.declare(text)
	return w
}

// declare makes a new engine, as another process would, with this playbook.
func (w *world) declare(text string) {
	w.t.Helper()
	w.book = book(w.t, text)
	units, err := With(nil, w.book, w.acct.Dial)
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine = asr.New(asr.Config{Store: w.store, Remediations: units, Matcher: w.book, Vault: clear{}, Clock: w.clock})
}

func book(t *testing.T, text string) *playbook.Book {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "house.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := playbook.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) jump(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// finding takes a failing finding of a bucket in, and has a person ask for it.
func (w *world) ask(finding string) asr.Run {
	w.t.Helper()
	_, err := w.engine.Ingest(w.t.Context(), []asr.Observation{{
		ID: finding, Source: asr.SourceImported, At: w.clock(), Workflow: asr.Workflow{Status: asr.WorkflowNew},
		Provider: asr.Provider{
			Product: "arn:aws:securityhub:eu-west-1::product/aws/securityhub", Format: "asff", Account: w.acct.ID, Region: w.acct.Region, Severity: "HIGH",
			Compliance: asr.ComplianceFailed, RecordState: asr.RecordActive, Rule: "house-bucket-closed", UpdatedAt: w.clock(),
			Resources: []asr.Resource{{ID: "arn:aws:s3:::wide-open"}},
		},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	r, err := w.engine.Request(w.t.Context(), asr.Ask{Actor: ada, Finding: finding})
	if err != nil {
		w.t.Fatalf("%v (%s)", err, asr.Advice(err))
	}
	return r
}

// drive takes a run to its end or to a person.
func (w *world) drive(id string) asr.Run {
	w.t.Helper()
	for range 200 {
		next, err := w.engine.Step(w.t.Context(), id)
		if err != nil {
			w.t.Fatal(err)
		}
		w.jump(next.After)
		if next.Done {
			return w.run(id)
		}
	}
	w.t.Fatalf("run %s is not done: %+v", id, w.run(id))
	return asr.Run{}
}

func (w *world) run(id string) asr.Run {
	w.t.Helper()
	r, err := w.store.Run(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// approve drives a run to the approval that it waits for, and gives it.
func (w *world) approve(id string) {
	w.t.Helper()
	r := w.drive(id)
	if r.State != asr.StateAwaiting {
		w.t.Fatalf("it is %s: %+v", r.State, r.Error)
	}
	if _, err := w.engine.Approve(w.t.Context(), id, r.Plan.Hash, ada, ""); err != nil {
		w.t.Fatal(err)
	}
}

// started are the account's executions.
func (w *world) started() []types.AutomationExecutionMetadata {
	w.t.Helper()
	out, err := w.api.DescribeAutomationExecutions(w.t.Context(), &ssm.DescribeAutomationExecutionsInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.AutomationExecutionMetadataList
}

// own makes a document of the account's.
func (w *world) own(name, content string) {
	w.t.Helper()
	_, err := w.api.CreateDocument(w.t.Context(), &ssm.CreateDocumentInput{
		Name: &name, Content: &content, DocumentType: types.DocumentTypeAutomation, DocumentFormat: types.DocumentFormatYaml,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// with is the declaration with something else in it.
func with(old, replacement string) string { return strings.Replace(declared, old, replacement, 1) }
