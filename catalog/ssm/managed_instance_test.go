package ssm

import (
	"maps"
	"path"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"pgregory.net/rapid"
)

const (
	trustEC2   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	corePolicy = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
)

// newRole makes a role with a managed policy, if one is given, and an inline one.
func newRole(t *testing.T, acct *remedytest.Account, path, name, policy string) {
	t.Helper()
	api := iam.NewFromConfig(acct.Config)
	_, err := api.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(trustEC2)})
	remedytest.Must(t, name, err)
	if policy != "" {
		_, err := api.AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: &policy})
		remedytest.Must(t, name, err)
	}
	_, err = api.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: &name, PolicyName: aws.String("app"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`),
	})
	remedytest.Must(t, name, err)
}

// newProfile makes an instance profile, with a role if one is given.
func newProfile(t *testing.T, acct *remedytest.Account, path, name, role string) string {
	t.Helper()
	api := iam.NewFromConfig(acct.Config)
	out, err := api.CreateInstanceProfile(t.Context(), &iam.CreateInstanceProfileInput{InstanceProfileName: &name, Path: &path})
	arn := *remedytest.Must(t, out, err).InstanceProfile.Arn
	if role != "" {
		_, err := api.AddRoleToInstanceProfile(t.Context(), &iam.AddRoleToInstanceProfileInput{InstanceProfileName: &name, RoleName: &role})
		remedytest.Must(t, arn, err)
	}
	return arn
}

// deployed makes what comes with the member role.
func deployed(t *testing.T, acct *remedytest.Account) string {
	t.Helper()
	newRole(t, acct, "/asr/", "asr-ssm-instance", corePolicy)
	return newProfile(t, acct, "/asr/", "asr-ssm-instance", "asr-ssm-instance")
}

// newInstance runs an instance, with a profile if one is given, on which the agent runs.
func newInstance(t *testing.T, acct *remedytest.Account, profile string) string {
	t.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: aws.String("ami-12c6146b"), MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeInstance, Tags: []ec2types.Tag{{Key: aws.String("sandbox:ssm-agent"), Value: aws.String("3.3")}}}},
	}
	if profile != "" {
		in.IamInstanceProfile = &ec2types.IamInstanceProfileSpecification{Arn: &profile}
	}
	out, err := ec2.NewFromConfig(acct.Config).RunInstances(t.Context(), in)
	return *remedytest.Must(t, out, err).Instances[0].InstanceId
}

func attached(acct *remedytest.Account, role string) remedytest.View {
	return acct.Boto("iam", "list_attached_role_policies", map[string]any{"RoleName": role}, "AttachedPolicies").
		And(acct.Boto("iam", "list_role_policies", map[string]any{"RoleName": role}, "PolicyNames"))
}

func TestManagedInstance(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ours := deployed(t, acct)
	newRole(t, acct, "/", "app", "arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy")
	bare, used := newInstance(t, acct, ""), newInstance(t, acct, newProfile(t, acct, "/team/", "app", "app"))
	view := func(id, role string) remedytest.View {
		return acct.Boto("ec2", "describe_instances", map[string]any{"InstanceIds": []string{id}}, "Reservations.0.Instances.0").And(attached(acct, role))
	}
	terminate := func(id string) func() {
		return func() {
			_, err := ec2.NewFromConfig(acct.Config).TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
			remedytest.Must(t, id, err)
		}
	}
	associate := func(profile string) func() {
		return func() {
			api := ec2.NewFromConfig(acct.Config)
			all, err := associations(t.Context(), api, bare)
			remedytest.Must(t, all, err)
			_, err = api.ReplaceIamInstanceProfileAssociation(t.Context(), &ec2.ReplaceIamInstanceProfileAssociationInput{AssociationId: all[0].AssociationId, IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Arn: &profile}})
			remedytest.Must(t, profile, err)
		}
	}
	newRole(t, acct, "/", "other", "")
	other := newProfile(t, acct, "/", "other", "other")
	remedytest.Lifecycle(t, acct, ManagedInstance, remedytest.Case{
		Name: "a role without the rights", Control: "SSM.1", Resource: acct.Expand(instance, used), Want: []string{"core.app: none → true"},
		View: view(used, "app"), Seen: []string{`list_attached_role_policies[]: none → {"PolicyArn":"` + corePolicy},
		Meanwhile: func() {
			_, err := iam.NewFromConfig(acct.Config).AttachRolePolicy(t.Context(), &iam.AttachRolePolicyInput{RoleName: aws.String("app"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")})
			remedytest.Must(t, used, err)
		},
		Gone: terminate(used),
	}, remedytest.Case{
		Name: "no profile", Control: "SSM.1", Resource: acct.Expand(instance, bare), Want: []string{`profile: "" → "` + ours + `"`},
		View: view(bare, "asr-ssm-instance"), Seen: []string{"describe_instances.IamInstanceProfile: none → "},
		Foreign: associate(other), Gone: terminate(bare),
	})
}

// The policy's ARN is that of the partition, in the call and in what IAM lets be attached.
func TestThePolicyIsThatOfThePartition(t *testing.T) {
	for partition, want := range map[string]string{
		"aws": corePolicy, "aws-cn": "arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore", "aws-us-gov": "arn:aws-us-gov:iam::aws:policy/AmazonSSMManagedInstanceCore",
	} {
		got := remedy.On[handOut]{Target: asr.Target{Partition: partition}}.Expand(core)
		if got != want {
			t.Errorf("%s: got %s", partition, got)
		}
		for _, g := range (asr.On{Target: asr.Target{Partition: partition, Account: "111111111111"}}).Narrow(ManagedInstance.Spec.Writes) {
			if only := g.When["ArnEquals"]["iam:PolicyARN"]; strings.Contains(g.On, ":role/") && only != want {
				t.Errorf("%s: IAM lets %q be attached, want %s", partition, only, want)
			}
		}
	}
}

func TestTheRoleIsPassedToEC2ByItsNameInChinaToo(t *testing.T) {
	pass := ManagedInstance.Spec.Implied[0]
	for service, want := range map[string]bool{"ec2.amazonaws.com": true, "ec2.amazonaws.com.cn": true, "ecs-tasks.amazonaws.com": false} {
		if got, err := path.Match(pass.When["StringLike"]["iam:PassedToService"], service); got != want || err != nil || pass.On != ourRole {
			t.Errorf("%s may have %s: %v, %v", service, pass.On, got, err)
		}
	}
}

func TestNoOtherPolicyCanBeAttached(t *testing.T) {
	for _, g := range ManagedInstance.Spec.WriteGrants() {
		for _, action := range g.Actions {
			if strings.HasPrefix(action, "iam:Attach") && g.When["ArnEquals"]["iam:PolicyARN"] != core || strings.HasPrefix(action, "iam:Create") {
				t.Errorf("%s is granted: %+v", action, g)
			}
		}
	}
}

// The name of a profile with a path is what comes last.
func TestAProfileWithAPathIsFoundByItsName(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/a/b/", "app", "")
	id := newInstance(t, acct, newProfile(t, acct, "/a/b/", "app-profile", "app"))
	if r := remedytest.End(t, acct, ManagedInstance, remedytest.Case{Control: "SSM.1", Resource: acct.Expand(instance, id)}); r.State != asr.StateVerified || r.Plan.Changes[0].Field() != "core.app" {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Plan, r.Error)
	}
}

// To add a role by its ARN always fails, and would give it to every instance
// with the profile.
func TestAProfileWithoutARoleIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	deployed(t, acct)
	id := newInstance(t, acct, newProfile(t, acct, "/", "empty", ""))
	refused(t, acct, id, "has no role")
}

func refused(t *testing.T, acct *remedytest.Account, id, why string) {
	t.Helper()
	r := remedytest.End(t, acct, ManagedInstance, remedytest.Case{Control: "SSM.1", Resource: acct.Expand(instance, id)})
	if r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || !strings.Contains(r.Error.Message, why) || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v, want a refusal: %s", r.State, r.Error, why)
	}
}

func TestWithoutTheDeployedProfileThePlanIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newInstance(t, acct, "")
	refused(t, acct, id, "instance-profile/asr/asr-ssm-instance is not there")
	newProfile(t, acct, "/", "asr-ssm-instance", "")
	refused(t, acct, id, "instance-profile/asr/asr-ssm-instance is not there")
}

func TestADeployedProfileWithAnotherRoleIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "admin", "")
	newProfile(t, acct, "/asr/", "asr-ssm-instance", "admin")
	refused(t, acct, newInstance(t, acct, ""), "has the role arn:aws:iam::"+acct.ID+":role/admin")
}

func TestAReplicationServerIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/service-role/", replicationRole, "")
	refused(t, acct, newInstance(t, acct, newProfile(t, acct, "/service-role/", replicationRole, replicationRole)), "Elastic Disaster Recovery")
}

// The deployed role may have lost its policy. Undo doesn't take it again: other
// instances have the role.
func TestTheDeployedRoleGetsItsPolicyBackAndKeepsIt(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/asr/", "asr-ssm-instance", "")
	newProfile(t, acct, "/asr/", "asr-ssm-instance", "asr-ssm-instance")
	id, h := newInstance(t, acct, ""), remedytest.NewHarness(acct, ManagedInstance)
	fixed := h.End(t, remedytest.Case{Control: "SSM.1", Resource: acct.Expand(instance, id)})
	if fixed.State != asr.StateVerified || len(fixed.Plan.Changes) != 2 {
		t.Fatalf("the run ended %s: %+v %+v", fixed.State, fixed.Plan, fixed.Error)
	}
	_, err := h.Engine.Revert(t.Context(), fixed.ID, remedytest.Actor, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, fixed.ID, err))
	if err2 != nil || r.State != asr.StateReverted || len(r.Left) != 1 {
		t.Errorf("undo ended %s and leaves %q: %+v %v", r.State, r.Left, r.Error, err2)
	}
	now, err := readAccess(t.Context(), acct.Config, remedy.On[handOut]{Target: fixed.Target, Params: handOut{"asr/asr-ssm-instance"}})
	if err != nil || now.Profile != "" || !now.Core["asr-ssm-instance"] {
		t.Errorf("undo leaves %+v: %v", now, err)
	}
}

func TestAProfileThatStaysIsNotTakenFromTheInstance(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "app", corePolicy)
	profile := newProfile(t, acct, "/", "app", "app")
	id := newInstance(t, acct, profile)
	on := remedy.On[handOut]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: id}}
	same := access{Profile: profile, Core: map[string]bool{"app": true}}
	err := ManagedInstance.Write(t.Context(), acct.Config, on, same, same)
	left, err2 := associations(t.Context(), ec2.NewFromConfig(acct.Config), id)
	if err != nil || err2 != nil || len(left) != 1 {
		t.Errorf("it has %d profiles: %v %v", len(left), err, err2)
	}
}

// EC2 gives no profile to an instance that is stopping, and one that is stopped
// may be associating for as long.
func TestOnlyWhatChangesByItselfIsWaitedFor(t *testing.T) {
	of := func(s ec2types.InstanceStateName) ec2types.Instance {
		return ec2types.Instance{State: &ec2types.InstanceState{Name: s}}
	}
	for s, want := range map[ec2types.InstanceStateName]error{
		"pending": asr.ErrSettling, "running": nil, "stopping": asr.ErrSettling, "stopped": nil, "shutting-down": asr.ErrGone, "terminated": asr.ErrGone,
	} {
		if got := settled(of(s)); got != want {
			t.Errorf("%s: got %v, want %v", s, got, want)
		}
	}
	for s, want := range map[string]bool{
		"associated running": true, "associating running": false, "disassociating running": false, "associated stopped": true, "associating stopped": true, "disassociating stopped": false,
	} {
		association, i, _ := strings.Cut(s, " ")
		if got := stands(ec2types.IamInstanceProfileAssociationState(association), of(ec2types.InstanceStateName(i))); got != want {
			t.Errorf("%s: got %v, want %v", s, got, want)
		}
	}
}

func TestTheProfileIsAPathAndAName(t *testing.T) {
	for profile, ok := range map[string]bool{"asr/asr-ssm-instance": true, "host": true, "": false, "/host": false, "a/": false, "arn:aws:iam::111111111111:instance-profile/host": false} {
		if err := ManagedInstance.Validate(remedy.On[handOut]{Params: handOut{profile}}); (err == nil) != ok {
			t.Errorf("%q: got %v, want ok=%t", profile, err, ok)
		}
	}
}

func TestRightsThatComeOtherwiseAreEnough(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	deployed(t, acct)
	newRole(t, acct, "/", "admin", "arn:aws:iam::aws:policy/AdministratorAccess")
	newRole(t, acct, "/", "host", corePolicy)
	admin := newInstance(t, acct, newProfile(t, acct, "/", "admin", "admin"))
	_, err := ec2.NewFromConfig(acct.Config).DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{admin}, Tags: []ec2types.Tag{{Key: aws.String("sandbox:ssm-agent")}}})
	remedytest.Must(t, admin, err)
	_, err = ssm.NewFromConfig(acct.Config).UpdateServiceSetting(t.Context(), &ssm.UpdateServiceSettingInput{
		SettingId: aws.String("/ssm/managed-instance/default-ec2-instance-management-role"), SettingValue: aws.String("host"),
	})
	remedytest.Must(t, 0, err)
	for name, id := range map[string]string{"another policy, and no agent": admin, "Default Host Management": newInstance(t, acct, "")} {
		if r := remedytest.End(t, acct, ManagedInstance, remedytest.Case{Control: "SSM.1", Resource: acct.Expand(instance, id)}); r.State != asr.StateNothingToDo {
			t.Errorf("%s: the run ended %s: %+v %+v", name, r.State, r.Plan, r.Error)
		}
	}
}

func TestAnErrorIsNotTakenForAPolicyThatIsMissing(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newRole(t, acct, "/", "app", corePolicy)
	id := newInstance(t, acct, newProfile(t, acct, "/", "app", "app"))
	remove := acct.Sandbox.Fault(sandbox.Fault{Service: "iam", Operation: "ListAttachedRolePolicies", Account: acct.ID, Status: 403, Code: "AccessDenied"})
	defer remove()
	if r := remedytest.End(t, acct, ManagedInstance, remedytest.Case{Control: "SSM.1", Resource: acct.Expand(instance, id)}); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeDenied {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Plan, r.Error)
	}
}

func TestWhatNoFurtherPolicyOvercomesIsNamed(t *testing.T) {
	for want, r := range map[string]iamtypes.EvaluationResult{
		"":                                     {EvalDecision: iamtypes.PolicyEvaluationDecisionTypeImplicitDeny},
		"a policy denies":                      {EvalDecision: iamtypes.PolicyEvaluationDecisionTypeExplicitDeny},
		"a permissions boundary doesn't allow": {PermissionsBoundaryDecisionDetail: &iamtypes.PermissionsBoundaryDecisionDetail{}},
	} {
		if got := against(r); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// One that denies other Regions would have each instance of an organization refused.
func TestAServiceControlPolicyThatTheSimulatorCannotJudgeIsNoRefusal(t *testing.T) {
	for _, decision := range []iamtypes.PolicyEvaluationDecisionType{iamtypes.PolicyEvaluationDecisionTypeImplicitDeny, iamtypes.PolicyEvaluationDecisionTypeExplicitDeny} {
		r := iamtypes.EvaluationResult{EvalDecision: decision, OrganizationsDecisionDetail: &iamtypes.OrganizationsDecisionDetail{}, PermissionsBoundaryDecisionDetail: &iamtypes.PermissionsBoundaryDecisionDetail{}}
		if got := against(r); got != "" {
			t.Errorf("%s: refused, since %s", decision, got)
		}
	}
	for _, core := range []map[string]bool{{}, {"app": true}} { // Core lets the role report: all there is to do
		got, err := ManagedInstance.Want(remedy.On[handOut]{}, access{Profile: "arn:aws:iam::111111111111:instance-profile/app", Role: "app", Core: core})
		if err != nil || !got.Core["app"] {
			t.Errorf("%v becomes %+v: %v", core, got, err)
		}
	}
}

func TestAnInstanceOfAnyPartitionIsAResource(t *testing.T) {
	for id, region := range map[string]string{
		"arn:aws:ec2:eu-west-1:111111111111:instance/i-0123": "eu-west-1", "arn:aws-cn:ec2:cn-north-1:111111111111:instance/i-0123": "cn-north-1",
	} {
		if got, err := ManagedInstance.Spec.Locate("111111111111", region, asr.Resource{ID: id}); err != nil || got.Name != "i-0123" || got.Expand(instance) != id {
			t.Errorf("%s is located as %+v: %v", id, got, err)
		}
	}
}

func TestAProfileThatIsThereStaysAndNoPolicyIsTaken(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		role := rapid.SampledFrom([]string{"app", "asr-ssm-instance"}).Draw(t, "role")
		now := access{
			Profile: rapid.SampledFrom([]string{"", "arn:aws:iam::111111111111:instance-profile/app"}).Draw(t, "profile"), Role: role,
			Core: map[string]bool{}, Allowed: rapid.Bool().Draw(t, "allowed"), Online: rapid.Bool().Draw(t, "online"),
			Refusal: rapid.SampledFrom([]string{"", "no"}).Draw(t, "refusal"),
		}
		if rapid.Bool().Draw(t, "core") {
			now.Core[role] = true
		}
		on := remedy.On[handOut]{Target: asr.Target{Partition: "aws", Account: "111111111111"}, Params: handOut{"asr/asr-ssm-instance"}}
		remedytest.Stable(t, ManagedInstance, on, now, "profile", "core")
		got, err := ManagedInstance.Want(on, now)
		if err != nil {
			return
		}
		taken := maps.Clone(now.Core)
		maps.DeleteFunc(taken, func(r string, _ bool) bool { return got.Core[r] })
		if len(taken) > 0 || now.Profile != "" && got.Profile != now.Profile || now.Online && (got.Profile != now.Profile || len(got.Core) != len(now.Core)) {
			t.Fatalf("%+v becomes %+v", now, got)
		}
	})
}
