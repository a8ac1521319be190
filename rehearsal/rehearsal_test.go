package rehearsal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/rehearsal"
	"example.com/asr/sandbox"
	"example.com/asr/server"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/securityhub"
	"github.com/aws/aws-sdk-go-v2/service/securityhub/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	member = "222222222222"
	ada    = "arn:aws:sts::111111111111:assumed-role/ops/ada"
	bea    = "arn:aws:sts::111111111111:assumed-role/shop/bea"
)

const policy = `version: 1
console_action: run
rules:
  - {name: ask-first, match: {controls: [S3.11]}, mode: ask}
  - {name: fix, match: {controls: [S3.5, RDS.8, CloudTrail.1, House.1]}, mode: auto}
`

// house declares a document of the organization's own.
const house = `
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

// allowDocuments is what an organization adds to the member role for documents
// of its own, as docs/operate/playbooks.md says.
func allowDocuments(s *sandbox.Sandbox) error {
	c := iam.NewFromConfig(s.Config(member, rehearsal.Region))
	if _, err := c.CreateRole(context.Background(), &iam.CreateRoleInput{RoleName: aws.String("house-ssm"), Path: aws.String("/service/"), AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ssm.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)}); err != nil {
		return err
	}
	_, err := c.PutRolePolicy(context.Background(), &iam.PutRolePolicyInput{RoleName: aws.String("asr-member"), PolicyName: aws.String("house-documents"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ssm:DescribeAutomationExecutions","Resource":"*"},
		{"Effect":"Allow","Action":["ssm:GetAutomationExecution","ssm:AddTagsToResource","ssm:StartAutomationExecution"],"Resource":"arn:aws:ssm:*:` + member + `:automation-execution/*"},
		{"Effect":"Allow","Action":"ssm:StartAutomationExecution","Resource":["arn:aws:ssm:*::automation-definition/AWS-DisableS3BucketPublicReadWrite:*","arn:aws:ssm:*::document/AWS-DisableS3BucketPublicReadWrite"]},
		{"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::` + member + `:role/service/house-ssm"}]}`)})
	return err
}

// play is a deployed asr that the tests share: they work on resources of their own.
type play struct {
	*rehearsal.Stack
	t *testing.T
}

var stage struct {
	once  sync.Once
	stack *rehearsal.Stack
	err   error
	log   lockedBuffer
	stop  func() error
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if stage.stop != nil {
		if err := stage.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func newPlay(t *testing.T) *play {
	t.Helper()
	stage.once.Do(func() {
		s, err := sandbox.Start(context.Background(), sandbox.Config{Log: &stage.log})
		if err != nil {
			stage.err = err
			return
		}
		stage.stop = s.Close
		if stage.stack, stage.err = rehearsal.Deploy(context.Background(), s, "../templates", &stage.log, member); stage.err != nil {
			return
		}
		stage.err = errors.Join(stage.stack.Upload(context.Background(), "playbooks/house.yaml", house), allowDocuments(s), stage.stack.Policy(context.Background(), policy), s.Enforce(context.Background(), true))
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the functions' log:\n%s", stage.log.text())
		}
	})
	if stage.err != nil {
		t.Fatal(stage.err)
	}
	return &play{Stack: stage.stack, t: t}
}

func (p *play) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// bucket makes a bucket in the member account.
func (p *play) bucket(name string) (arn string) {
	p.t.Helper()
	_, err := s3.NewFromConfig(p.member()).CreateBucket(p.t.Context(), &s3.CreateBucketInput{Bucket: &name})
	p.ok(err)
	return "arn:aws:s3:::" + name
}

func (p *play) member() aws.Config { return p.Sandbox.Config(member, rehearsal.Region) }

func (p *play) finding(control, resource string) rehearsal.Finding {
	p.t.Helper()
	f, err := p.NewFinding(p.t.Context(), member, control, resource)
	p.ok(err)
	return f
}

func (p *play) send(e rehearsal.Event) {
	p.t.Helper()
	p.ok(p.Send(p.t.Context(), e))
}

// run is the finding's run once it is in the state.
func (p *play) run(f rehearsal.Finding, state asr.State) (r asr.Run) {
	p.t.Helper()
	err := rehearsal.Await(p.t.Context(), 2*time.Minute, func() (bool, error) {
		var list server.Page[asr.Run]
		err := p.Call(p.t.Context(), ada, http.MethodGet, "/v1/runs?finding="+*f.Id, nil, &list)
		if err != nil || len(list.Items) == 0 {
			return false, err
		}
		r = list.Items[0]
		return r.State == state, nil
	})
	if err != nil {
		p.t.Fatalf("the run of %s is %s, not %s: %v: %+v", *f.Id, r.State, state, err, r.Error)
	}
	return r
}

// executions are the run's, once all have ended: names without the run, with status.
func (p *play) executions(run string) string {
	p.t.Helper()
	var all map[string]string
	err := rehearsal.Await(p.t.Context(), time.Minute, func() (bool, error) {
		var err error
		all, err = p.Executions(p.t.Context(), run)
		return !slices.Contains(slices.Collect(maps.Values(all)), "RUNNING"), err
	})
	p.ok(err)
	var text []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text = append(text, strings.TrimPrefix(name, run)+" "+all[name])
	}
	return strings.Join(text, ", ")
}

// told is the finding in Security Hub, once its status is what is wanted.
func (p *play) told(f rehearsal.Finding, want types.WorkflowStatus) {
	p.t.Helper()
	var got types.AwsSecurityFinding
	err := rehearsal.Await(p.t.Context(), 20*time.Second, func() (bool, error) {
		out, err := securityhub.NewFromConfig(p.Hub).GetFindings(p.t.Context(), &securityhub.GetFindingsInput{Filters: &types.AwsSecurityFindingFilters{Id: []types.StringFilter{{Value: f.Id, Comparison: types.StringFilterComparisonEquals}}}})
		if err != nil || len(out.Findings) != 1 {
			return false, err
		}
		got = out.Findings[0]
		return got.Workflow.Status == want, nil
	})
	if err != nil {
		p.t.Fatalf("Security Hub has %+v, want %s: %v", got.Workflow, want, err)
	}
}

func (p *play) secure(bucket string) bool {
	p.t.Helper()
	out, err := s3.NewFromConfig(p.member()).GetBucketPolicy(p.t.Context(), &s3.GetBucketPolicyInput{Bucket: &bucket})
	return err == nil && strings.Contains(aws.ToString(out.Policy), "aws:SecureTransport")
}

func TestAFindingComesInAndItsFixComesOutInTheMemberAccount(t *testing.T) {
	p := newPlay(t)
	f := p.finding("S3.5", p.bucket("shop-auto"))
	e := p.Imported(f)
	p.send(e)
	p.send(e) // delivered twice
	r := p.run(f, asr.StateVerified)
	p.told(f, types.WorkflowStatusResolved)
	p.send(e)
	if got := p.executions(r.ID); got != "-0 SUCCEEDED" {
		t.Errorf("executions: %s", got)
	}
	if !p.secure("shop-auto") || r.Writes != 1 {
		t.Errorf("the bucket has no policy, or %d writes", r.Writes)
	}
}

func TestACustomActionIsCarriedOutAsThePolicySays(t *testing.T) {
	p := newPlay(t)
	f := p.finding("S3.5", p.bucket("shop-action"))
	p.ok(p.PolicyAround(t.Context(), strings.Replace(policy, "S3.5, ", "", 1), policy, func() error {
		p.send(p.Action("ASRFixAndTicket", asr.ActionTicket, f))
		r := p.run(f, asr.StateVerified)
		if r.Actor.Name != "securityhub-console" || !r.Ticket {
			t.Errorf("asked for by %+v, ticket %v", r.Actor, r.Ticket)
		}
		return nil
	}))
	if !p.secure("shop-action") {
		t.Error("the bucket has no policy")
	}
}

// covers: W10
func TestAnApprovalIsGrantedDeniedOrNeverCame(t *testing.T) {
	p := newPlay(t)
	granted, denied, expired := p.finding("S3.11", p.bucket("shop-granted")), p.finding("S3.11", p.bucket("shop-denied")), p.finding("S3.11", p.bucket("shop-expired"))
	p.send(p.Imported(granted, denied, expired))
	runs := map[string]asr.Run{}
	for name, f := range map[string]rehearsal.Finding{"granted": granted, "denied": denied, "expired": expired} {
		runs[name] = p.run(f, asr.StateAwaiting)
		if got := p.executions(runs[name].ID); got != "-0 SUCCEEDED" {
			t.Errorf("%s: nothing waits in Step Functions, but: %s", name, got)
		}
	}
	r := runs["granted"]
	if err := p.Call(t.Context(), ada, http.MethodPost, "/v1/runs/"+r.ID+"/approve", server.Answer{Hash: "of another plan"}, nil); asr.Classify(err) != asr.CodeStalePlan {
		t.Errorf("approved another plan: %v", err)
	}
	p.ok(p.Call(t.Context(), ada, http.MethodPost, "/v1/runs/"+r.ID+"/approve", server.Answer{Hash: r.Plan.Hash, Note: "change 1"}, nil))
	if r = p.run(granted, asr.StateVerified); r.Approval.By.Name != ada {
		t.Errorf("approved by %+v", r.Approval)
	}
	if got := p.executions(r.ID); got != "-0 SUCCEEDED, -1 SUCCEEDED" {
		t.Errorf("executions: %s", got)
	}
	p.ok(p.Call(t.Context(), ada, http.MethodPost, "/v1/runs/"+runs["denied"].ID+"/reject", server.Answer{Note: "no"}, nil))
	p.run(denied, asr.StateCancelled)

	p.Jump(8 * 24 * time.Hour)
	p.ok(p.Sweep(t.Context()))
	if r = p.run(expired, asr.StateCancelled); r.Error.Code != asr.CodeExpired {
		t.Errorf("the approval that never came: %+v", r.Error)
	}
}

// join puts the member account into a unit of the organization, with a tag.
func (p *play) join(unit string) {
	p.t.Helper()
	api := organizations.NewFromConfig(p.Hub)
	roots, err := api.ListRoots(p.t.Context(), nil)
	p.ok(err)
	root := roots.Roots[0].Id
	outer, err := api.CreateOrganizationalUnit(p.t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: root, Name: &unit})
	p.ok(err)
	inner, err := api.CreateOrganizationalUnit(p.t.Context(), &organizations.CreateOrganizationalUnitInput{ParentId: outer.OrganizationalUnit.Id, Name: aws.String("Inner")})
	p.ok(err)
	_, err = api.CreateAccount(p.t.Context(), &organizations.CreateAccountInput{AccountName: aws.String("shop"), Email: aws.String("shop@example.com"), Tags: []orgtypes.Tag{
		{Key: aws.String("sandbox:account-id"), Value: aws.String(member)}, {Key: aws.String("stage"), Value: aws.String("live")},
	}})
	p.ok(err)
	_, err = api.MoveAccount(p.t.Context(), &organizations.MoveAccountInput{AccountId: aws.String(member), SourceParentId: root, DestinationParentId: inner.OrganizationalUnit.Id})
	p.ok(err)
}

// covers: W18
func TestWhereAnAccountIsDecidesInTheHub(t *testing.T) {
	p := newPlay(t)
	byUnit := "version: 1\ndefault: ask\ncallers: [{who: \"" + ada + "\", accounts: \"*\"}, {who: \"" + bea + "\", ous: [Workloads]}]\nrules:\n  - {name: by-unit, match: {controls: [S3.5], ous: [Workloads], account_tags: {stage: live}}, mode: auto}\n"
	p.ok(p.PolicyAround(t.Context(), byUnit, policy, func() error {
		unknown := p.finding("S3.5", p.bucket("shop-nowhere-yet")) // in no unit that the hub could know of
		p.send(p.Imported(unknown))
		if r := p.run(unknown, asr.StateAwaiting); r.Decision.Reason != asr.ReasonFactsMissing {
			t.Errorf("an account that Organizations doesn't know: %+v", r.Decision)
		}
		if err := p.Call(t.Context(), bea, http.MethodGet, "/v1/runs", nil, nil); asr.Classify(err) != asr.CodeNotAllowed {
			t.Errorf("of a unit that isn't there she sees %v", err)
		}
		p.join("Workloads")
		p.Jump(2 * time.Minute) // a refusal is remembered for one
		f := p.finding("S3.5", p.bucket("shop-in-unit"))
		p.send(p.Imported(f))
		if r := p.run(f, asr.StateVerified); r.Decision.Rule != "by-unit" || !slices.Contains(r.Facts.OUs, "Workloads") || r.Facts.AccountTags["stage"] != "live" {
			t.Errorf("decided by %+v on %+v", r.Decision, r.Facts)
		}
		p.Jump(2 * time.Hour) // what units have is remembered for one
		var seen server.Page[asr.Run]
		p.ok(p.Call(t.Context(), bea, http.MethodGet, "/v1/runs?limit=1", nil, &seen))
		if len(seen.Items) != 1 || seen.Items[0].Target.Account != member {
			t.Errorf("of her unit she sees %+v", seen)
		}
		return nil
	}))
	asked := map[string]int{}
	for _, c := range p.Sandbox.Calls() {
		if c.Service == "organizations" && c.Principal.Role != "" {
			asked[c.Operation]++
		}
	}
	if asked["ListTagsForResource"] != 1 || asked["DescribeOrganizationalUnit"] != 2 {
		t.Errorf("of one account it asked %v", asked)
	}
}

func TestASlowResourceIsWaitedFor(t *testing.T) {
	p := newPlay(t)
	_, err := rds.NewFromConfig(p.member()).CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{DBInstanceIdentifier: aws.String("slow"), DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("postgres"), AllocatedStorage: aws.Int32(20), MasterUsername: aws.String("u"), MasterUserPassword: aws.String("a-long-password")})
	p.ok(err)
	p.Sandbox.Slow(3)
	t.Cleanup(func() { p.Sandbox.Slow(0) })
	f := p.finding("RDS.8", "arn:aws:rds:"+rehearsal.Region+":"+member+":db:slow")
	p.send(p.Imported(f))
	r := p.run(f, asr.StateVerified)
	if got := p.executions(r.ID); got != "-0 SUCCEEDED" {
		t.Errorf("executions: %s", got)
	}
	if visited := p.history(r.ID + "-0"); !slices.Contains(visited, "Wait") || !slices.Contains(visited, "Go on") {
		t.Errorf("it went through %v", visited)
	}
}

// history is the states that an execution entered, in order.
func (p *play) history(name string) (states []string) {
	p.t.Helper()
	c := sfn.NewFromConfig(p.Hub)
	arn := strings.Replace(p.Outputs["RunMachineArn"], ":stateMachine:", ":execution:", 1) + ":" + name
	pages := sfn.NewGetExecutionHistoryPaginator(c, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
	for pages.HasMorePages() {
		page, err := pages.NextPage(p.t.Context())
		p.ok(err)
		for _, e := range page.Events {
			if e.StateEnteredEventDetails != nil {
				states = append(states, aws.ToString(e.StateEnteredEventDetails.Name))
			}
		}
	}
	return states
}

func TestAFixThatIsDeniedMidwaySaysSoAndIsPutBack(t *testing.T) {
	p := newPlay(t)
	remove := p.Sandbox.Fault(sandbox.Fault{Service: "cloudtrail", Operation: "CreateTrail", Account: member, Status: 403, Code: "AccessDeniedException", Message: "an SCP says no"})
	f := p.finding("CloudTrail.1", "AWS::::Account:"+member)
	p.send(p.Imported(f))
	r := p.run(f, asr.StatePartly)
	remove()
	if len(r.Made) == 0 || r.Error.Code != asr.CodeDenied {
		t.Errorf("made %v, error %+v", r.Made, r.Error)
	}
	p.told(f, types.WorkflowStatusNotified)
	p.ok(p.Call(t.Context(), ada, http.MethodPost, "/v1/runs/"+r.ID+"/revert", server.Answer{}, nil))
	r = p.run(f, asr.StateReverted)
	t.Logf("left behind: %v", r.Left)
}

// covers: W17
func TestARunIsCancelledByThePersonWhoSuppressesItsFinding(t *testing.T) {
	p := newPlay(t)
	f := p.finding("S3.11", p.bucket("shop-suppressed"))
	p.send(p.Imported(f))
	p.run(f, asr.StateAwaiting)
	p.Jump(time.Second)
	p.send(p.Imported(f.With(p.Now(), types.WorkflowStatusSuppressed, types.ComplianceStatusFailed)))
	p.run(f, asr.StateCancelled)
}

// covers: W6
func TestATaskThatFailsForGoodEndsItsRunAndItsExecution(t *testing.T) {
	p := newPlay(t)
	p.ok(p.Impatient(t.Context()))
	restore := p.Break("asr-hub-apply", errors.New("out of memory"))
	f := p.finding("S3.5", p.bucket("shop-broken"))
	p.send(p.Imported(f))
	r := p.run(f, asr.StateFailed)
	restore()
	if got := p.executions(r.ID); got != "-0 FAILED" || !strings.Contains(r.Error.Message, "out of memory") {
		t.Errorf("executions %s, error %+v", got, r.Error)
	}
	if visited := p.history(r.ID + "-0"); visited[len(visited)-1] != "Failed" || !slices.Contains(visited, "Abandon") {
		t.Errorf("it went through %v", visited)
	}
	if p.secure("shop-broken") {
		t.Error("the bucket was changed")
	}
	p.ok(p.Call(t.Context(), ada, http.MethodPost, "/v1/runs", server.Wish{Finding: *f.Id}, nil))
	if again := p.run(f, asr.StateVerified); again.ID == r.ID {
		t.Error("the claim was not free")
	}
}

func TestAnExecutionThatSomebodyStopsLetsGoOfItsRun(t *testing.T) {
	p := newPlay(t)
	f := p.finding("S3.11", p.bucket("shop-stopped"))
	p.send(p.Imported(f))
	waiting := p.run(f, asr.StateAwaiting)
	p.send(p.Ended(waiting.ID+"-0", "ABORTED")) // it waits for a person: it stays
	p.run(f, asr.StateAwaiting)
}

func TestTheStackMakesItsCustomActions(t *testing.T) {
	p := newPlay(t)
	out, err := securityhub.NewFromConfig(p.Hub).DescribeActionTargets(t.Context(), &securityhub.DescribeActionTargetsInput{})
	p.ok(err)
	var names []string
	for _, a := range out.ActionTargets {
		names = append(names, aws.ToString(a.Name))
	}
	slices.Sort(names)
	if want := []string{asr.ActionTicket, asr.ActionPlan, asr.ActionRemediate}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestAPullTakesInWhatIsThere(t *testing.T) {
	p := newPlay(t)
	f := p.finding("S3.5", p.bucket("shop-pulled"))
	p.ok(p.Pull(t.Context()))
	p.run(f, asr.StateVerified)
}

func TestADocumentIsStartedAndItsEndWakesTheRun(t *testing.T) {
	p := newPlay(t)
	p.ok(p.Sandbox.Automate(t.Context(), sandbox.Automation{Account: member, Document: "AWS-DisableS3BucketPublicReadWrite", Statuses: []string{"InProgress"}}))
	p.bucket("shop-document")
	var r asr.Run
	p.ok(p.Call(t.Context(), ada, http.MethodPost, "/v1/runs", server.Wish{Control: "House.1", Resource: "arn:aws:s3:::shop-document", Account: member, Region: rehearsal.Region}, &r))
	r = p.until(r.ID, asr.StateAwaiting) // what a document does can't be put back
	p.ok(p.Call(t.Context(), ada, http.MethodPost, "/v1/runs/"+r.ID+"/approve", server.Answer{Hash: r.Plan.Hash}, nil))
	api := ssm.NewFromConfig(p.member())
	var started []ssmtypes.AutomationExecutionMetadata
	p.ok(rehearsal.Await(t.Context(), time.Minute, func() (bool, error) {
		out, err := api.DescribeAutomationExecutions(t.Context(), &ssm.DescribeAutomationExecutionsInput{})
		if err != nil {
			return false, err
		}
		started = nil
		for _, e := range out.AutomationExecutionMetadataList {
			if strings.HasSuffix(aws.ToString(e.ExecutedBy), "/"+r.ID) {
				started = append(started, e)
			}
		}
		return len(started) > 0, nil
	}))
	if got := p.executions(r.ID); got != "-0 SUCCEEDED, -1 SUCCEEDED" {
		t.Errorf("the run is parked, but: %s", got)
	}
	p.ok(p.Sandbox.EndAutomation(t.Context(), member, rehearsal.Region, aws.ToString(started[0].AutomationExecutionId), "Success"))
	p.until(r.ID, asr.StateVerified)
	if got := p.executions(r.ID); len(started) != 1 || got != "-0 SUCCEEDED, -1 SUCCEEDED, -2 SUCCEEDED" {
		t.Errorf("%d documents started; executions: %s", len(started), got)
	}
}

// until is the run once it is in the state.
func (p *play) until(id string, state asr.State) asr.Run {
	p.t.Helper()
	var d server.Detail
	err := rehearsal.Await(p.t.Context(), time.Minute, func() (bool, error) {
		err := p.Call(p.t.Context(), ada, http.MethodGet, "/v1/runs/"+id, nil, &d)
		return d.Run.State == state, err
	})
	if err != nil {
		p.t.Fatalf("run %s is %s, not %s: %v: %+v", id, d.Run.State, state, err, d.Run.Error)
	}
	return d.Run
}

func TestARunbookAsksTheHubAndEndsWithTheOutcome(t *testing.T) {
	p := newPlay(t)
	for name, row := range map[string]struct {
		resource string
		want     ssmtypes.AutomationExecutionStatus
		secure   bool
	}{
		"its own bucket":        {p.bucket("shop-runbook"), ssmtypes.AutomationExecutionStatusSuccess, true},
		"a bucket that is gone": {"arn:aws:s3:::shop-nowhere", ssmtypes.AutomationExecutionStatusSuccess, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &play{Stack: p.Stack, t: t}
			api := ssm.NewFromConfig(p.member())
			started, err := api.StartAutomationExecution(t.Context(), &ssm.StartAutomationExecutionInput{DocumentName: aws.String("asr-s3-tls-only"), Parameters: map[string][]string{"Resource": {row.resource}}})
			p.ok(err)
			var e *ssm.GetAutomationExecutionOutput
			err = rehearsal.Await(t.Context(), time.Minute, func() (bool, error) {
				var err error
				e, err = api.GetAutomationExecution(t.Context(), &ssm.GetAutomationExecutionInput{AutomationExecutionId: started.AutomationExecutionId})
				return err == nil && e.AutomationExecution.ExecutionEndTime != nil, err
			})
			if err != nil || e.AutomationExecution.AutomationExecutionStatus != row.want {
				t.Fatalf("it ended %+v: %v", e.AutomationExecution, err)
			}
			if name := strings.TrimPrefix(row.resource, "arn:aws:s3:::"); p.secure(name) != row.secure {
				t.Errorf("%s is secure: %v", name, !row.secure)
			}
		})
	}
}

func TestTheAuditLogIsProven(t *testing.T) {
	p := newPlay(t)
	f := p.finding("S3.5", p.bucket("shop-audited"))
	p.send(p.Imported(f))
	p.run(f, asr.StateVerified)
	var got struct {
		Report struct {
			Records  int
			Problems []any
			Last     *asr.Checkpoint
		}
	}
	p.ok(p.Invoke(t.Context(), "asr-hub-audit", map[string]string{"source": "asr.schedule"}, &got))
	if got.Report.Records == 0 || len(got.Report.Problems) > 0 || got.Report.Last == nil {
		t.Errorf("%+v", got)
	}
	p.ok(p.Call(t.Context(), ada, http.MethodGet, "/v1/audit", nil, &got))
}
