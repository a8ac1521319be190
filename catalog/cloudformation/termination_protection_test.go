package cloudformation

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"pgregory.net/rapid"
)

func TestTerminationProtection(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newStack(t, acct, "shop")
	remedytest.Lifecycle(t, acct, TerminationProtection, remedytest.Case{
		Name: "off", Control: "CloudFormation.3", Resource: acct.Expand(stack, id), Want: []string{"on: false → true"},
		View: see(acct, id), Seen: []string{"describe_stacks.EnableTerminationProtection: false → true"},
	}, remedytest.Case{
		Name: "others tag the stack", Control: "CloudFormation.3", Resource: acct.Expand(stack, id), Want: []string{"on: false → true"},
		Meanwhile: func() { update(t, acct, id, nil, "new") },
		Gone:      deleteStack(t, acct, id),
	})
}

func TestAProtectedStackIsNotDeleted(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := acct.Expand(stack, newStack(t, acct, "shop"))
	if r := remedytest.End(t, acct, TerminationProtection, remedytest.Case{Control: "CloudFormation.3", Resource: arn}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	if _, err := cloudformation.NewFromConfig(acct.Config).DeleteStack(t.Context(), &cloudformation.DeleteStackInput{StackName: aws.String(arn)}); !remedy.Is(err, "ValidationError") {
		t.Errorf("deleting says %v", err)
	}
	if r := remedytest.End(t, acct, TerminationProtection, remedytest.Case{Control: "CloudFormation.3", Resource: arn}); r.State != asr.StateNothingToDo {
		t.Errorf("once more ended %s: %+v", r.State, r.Error)
	}
}

func TestANestedStackIsProtectedByItsRoot(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	s, err := described(t, acct, "<StackStatus>UPDATE_IN_PROGRESS</StackStatus><ParentId>arn:root</ParentId><RootId>arn:root</RootId>")
	root := rootOf(remedytest.Must(t, s, err))
	if _, err := TerminationProtection.Want(remedy.On[none]{}, protection{Root: root}); root != "arn:root" || asr.Classify(err) != asr.CodeRefused || asr.Advice(err) != "fix arn:root instead" {
		t.Errorf("%q: %v", root, err)
	}
	if got, err := TerminationProtection.Want(remedy.On[none]{}, protection{On: true, Root: root}); err != nil || !got.On {
		t.Errorf("with its root protected: %+v, %v", got, err)
	}
}

func TestTerminationProtectionTouchesNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[protection]().Draw(t, "state")
		remedytest.Stable(t, TerminationProtection, remedy.On[none]{}, now, "on")
		if got, err := TerminationProtection.Want(remedy.On[none]{}, now); err == nil && !got.On {
			t.Fatalf("%+v becomes %+v", now, got)
		}
	})
}
