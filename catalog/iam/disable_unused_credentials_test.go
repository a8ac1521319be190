package iam

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"pgregory.net/rapid"
)

const lost = "password: nobody but the user knew the password"

func TestDisableUnusedCredentials(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ann, bob, cas := newUser(t, acct, "", "ann"), newUser(t, acct, "eng/", "bob"), newUser(t, acct, "", "cas")
	used, never := ann.key(500, 91), ann.key(91, 0)
	older, busy := bob.key(500, 46), bob.key(500, 10)
	seed := func(p person, idle int) func() { return func() { p.password(200, idle) } }
	remedytest.Lifecycle(t, acct, DisableUnusedCredentials, remedytest.Case{
		Name: "keys, used and never used", Control: "IAM.8", Resource: ann.arn, View: ann.view(), Seen: ann.seenOff(used, never),
		Want: sorted("keys."+used+": true → false", "keys."+never+": true → false"),
	}, remedytest.Case{
		Name: "a password that was never used", Control: "IAM.8", Resource: cas.arn, Seed: seed(cas, 0), View: cas.view(), Seen: seenGone, Want: []string{"password: true → false"}, Left: []string{lost},
		Gone: func() { cas.remove() },
	}, remedytest.Case{
		Name: "a password and a key; named by its ID", Control: "IAM.22", Resource: bob.id, Seed: seed(bob, 50), View: bob.view(), Seen: append(bob.seenOff(older), seenGone...),
		Want:      []string{"keys." + older + ": true → false", "password: true → false"},
		Left:      []string{lost},
		Meanwhile: func() { bob.set(busy, types.StatusTypeInactive) },
		Gone:      func() { bob.remove(older, busy) },
	})
}

// end runs a remediation of IAM.8 and says how it ended.
func end(t *testing.T, p person) asr.Run {
	return remedytest.End(t, p.acct, DisableUnusedCredentials, remedytest.Case{Control: "IAM.8", Resource: p.arn})
}

func TestAPasswordSetAnewIsNotDeletedForItsOldUse(t *testing.T) {
	t.Parallel()
	ann := newUser(t, remedytest.NewAccount(t), "", "ann")
	ann.password(1, 300)
	if r := end(t, ann); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAKeyThatIsNotDeactivatedIsNoSuccess(t *testing.T) {
	t.Parallel()
	ann := newUser(t, remedytest.NewAccount(t), "", "ann")
	ann.key(200, 0)
	defer ann.acct.Sandbox.Fault(sandbox.Fault{Service: "iam", Operation: "UpdateAccessKey", Account: ann.acct.ID, Code: "NoSuchEntity"})()
	if r := end(t, ann); r.State != asr.StateFailed || r.Error.Code != asr.CodeAWS {
		t.Errorf("the run ended %s: %+v, want failed", r.State, r.Error)
	}
}

func TestAPasswordThatIsGoneMeanwhileIsNoFailure(t *testing.T) {
	t.Parallel()
	ann := newUser(t, remedytest.NewAccount(t), "", "ann")
	on := remedy.On[idle]{Target: asr.Target{Name: ann.name}}
	if err := DisableUnusedCredentials.Write(t.Context(), ann.acct.Config, on, credentials{Password: true}, credentials{}); err != nil {
		t.Error(err)
	}
}

func TestOtherCredentialsAreLeftAlone(t *testing.T) {
	t.Parallel()
	ann := newUser(t, remedytest.NewAccount(t), "", "ann")
	ann.password(200, 0)
	_, err := ann.api.UploadSSHPublicKey(t.Context(), &iam.UploadSSHPublicKeyInput{UserName: &ann.name, SSHPublicKeyBody: &ann.name})
	remedytest.Must(t, 0, err)
	if r := end(t, ann); r.State != asr.StateVerified {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
	out, err := ann.api.ListSSHPublicKeys(t.Context(), &iam.ListSSHPublicKeysInput{UserName: &ann.name})
	if ks := remedytest.Must(t, out, err).SSHPublicKeys; len(ks) != 1 || ks[0].Status != types.StatusTypeActive {
		t.Errorf("the SSH keys are %+v", ks)
	}
}

func TestOnlyUnusedCredentialsGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := credentials{rapid.MapOf(rapid.StringN(1, 4, 4), rapid.Bool()).Draw(t, "keys"), rapid.Bool().Draw(t, "password"), map[string]int{}}
		now.Unused[console] = rapid.IntRange(0, 200).Draw(t, "idle")
		for id := range now.Keys {
			now.Unused[id] = rapid.IntRange(0, 200).Draw(t, "idle")
		}
		on := remedy.On[idle]{Params: idle{rapid.IntRange(1, 150).Draw(t, "limit")}}
		remedytest.Stable(t, DisableUnusedCredentials, on, now, "keys", "password")
		got, err := DisableUnusedCredentials.Want(on, now)
		for id, was := range now.Keys {
			if want := was && now.Unused[id] < on.Params.UnusedDays; err != nil || got.Keys[id] != want {
				t.Fatalf("%s, idle for %d days, is active: %v, want %v", id, now.Unused[id], got.Keys[id], want)
			}
		}
		if want := now.Password && now.Unused[console] < on.Params.UnusedDays; got.Password != want {
			t.Fatalf("the password stays: %v, want %v", got.Password, want)
		}
	})
}
