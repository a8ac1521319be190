package iam

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"pgregory.net/rapid"
)

func TestRotateKeys(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ann, bob := newUser(t, acct, "", "ann"), newUser(t, acct, "eng/ops/", "bob")
	old, inactive := ann.key(91, 1), ann.key(300, 0)
	ann.set(inactive, types.StatusTypeInactive)
	older, young := bob.key(400, 0), bob.key(30, 0)
	remedytest.Lifecycle(t, acct, RotateKeys, remedytest.Case{
		Name: "used every day", Control: "IAM.3", Resource: ann.arn, Want: []string{"keys." + old + ": true → false"}, View: ann.view(), Seen: ann.seenOff(old),
	}, remedytest.Case{
		Name: "another limit", Control: "IAM.3", Resource: bob.arn, Params: `{"maxAge":400}`, Want: []string{"keys." + older + ": true → false"},
		View: bob.view(), Seen: bob.seenOff(older), Meanwhile: func() { bob.set(young, types.StatusTypeInactive) },
	}, remedytest.Case{
		Name: "named by its ID, has a path", Control: "IAM.3", Resource: bob.id, Want: []string{"keys." + older + ": true → false"}, View: bob.view(), Seen: bob.seenOff(older),
		Gone: func() { bob.remove(older, young) },
	})
}

func TestAKeyThatIsIdleButYoungStaysActive(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ann := newUser(t, acct, "", "ann")
	ann.key(89, 0)
	r := remedytest.End(t, acct, RotateKeys, remedytest.Case{Control: "IAM.3", Resource: ann.arn})
	if r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAKeyThatWasDeletedIsNotPutBackEvenByForce(t *testing.T) {
	t.Parallel()
	ann := newUser(t, remedytest.NewAccount(t), "", "ann")
	old := ann.key(200, 0)
	h := remedytest.NewHarness(ann.acct, RotateKeys)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "IAM.3", Resource: ann.arn}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	id := remedytest.Must(t, r, err).ID
	ann.replace(old)
	for _, force := range []bool{false, true} {
		r, err := h.Engine.Revert(t.Context(), id, remedytest.Actor, force)
		remedytest.Must(t, r, err)
		r, err = h.Drive(t.Context(), id)
		if err != nil || r.State != asr.StateVerified || r.Undo.Refused == nil || r.Undo.Refused.Do == "" {
			t.Errorf("force %v: the run ended %s: %+v %v", force, r.State, r.Undo, err)
		}
	}
}

func TestALimitOfNoDaysIsRefused(t *testing.T) {
	for _, days := range []int{0, -1} {
		if RotateKeys.Validate(remedy.On[age]{Params: age{days}}) == nil {
			t.Errorf("a limit of %d days is taken for access keys", days)
		}
		if DisableUnusedCredentials.Validate(remedy.On[idle]{Params: idle{days}}) == nil {
			t.Errorf("a limit of %d days is taken for credentials", days)
		}
	}
}

func TestOnlyOldKeysAreDeactivated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := accessKeys{rapid.MapOf(rapid.StringN(1, 4, 4), rapid.Bool()).Draw(t, "keys"), map[string]int{}}
		for id := range now.Keys {
			now.Age[id] = rapid.IntRange(0, 200).Draw(t, "age")
		}
		on := remedy.On[age]{Params: age{rapid.IntRange(1, 150).Draw(t, "max")}}
		remedytest.Stable(t, RotateKeys, on, now, "keys")
		got, err := RotateKeys.Want(on, now)
		for id, was := range now.Keys {
			if want := was && now.Age[id] < on.Params.MaxAge; err != nil || got.Keys[id] != want {
				t.Fatalf("%s of %d days is active: %v, want %v", id, now.Age[id], got.Keys[id], want)
			}
		}
	})
}
