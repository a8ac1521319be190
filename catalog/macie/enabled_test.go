package macie

import (
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/service/macie2"
	"github.com/aws/aws-sdk-go-v2/service/macie2/types"
	"github.com/aws/smithy-go"
	"pgregory.net/rapid"
)

// turn makes Macie what it shall be: "" is off.
func turn(t *testing.T, acct *remedytest.Account, status types.MacieStatus) {
	t.Helper()
	api := macie2.NewFromConfig(acct.Config)
	_, err := api.DisableMacie(t.Context(), &macie2.DisableMacieInput{})
	remedytest.Must(t, 0, err)
	if status != "" {
		_, err := api.EnableMacie(t.Context(), &macie2.EnableMacieInput{Status: status, FindingPublishingFrequency: types.FindingPublishingFrequencySixHours})
		remedytest.Must(t, status, err)
	}
}

func ended(t *testing.T, acct *remedytest.Account) asr.Run {
	t.Helper()
	return remedytest.End(t, acct, Enabled, remedytest.Case{Control: "Macie.1"})
}

// manage makes the account a member of another one's Macie.
func manage(t *testing.T, acct *remedytest.Account) string {
	t.Helper()
	other := remedytest.NewAccount(t)
	theirs := macie2.NewFromConfig(other.Config)
	_, err := theirs.CreateInvitations(t.Context(), &macie2.CreateInvitationsInput{AccountIds: []string{acct.ID}})
	remedytest.Must(t, other, err)
	out, err := theirs.ListInvitations(t.Context(), &macie2.ListInvitationsInput{}) // moto keeps them with the inviter
	id := *remedytest.Must(t, out, err).Invitations[0].InvitationId
	_, err = macie2.NewFromConfig(acct.Config).AcceptInvitation(t.Context(), &macie2.AcceptInvitationInput{AdministratorAccountId: &other.ID, InvitationId: &id})
	return remedytest.Must(t, other.ID, err)
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	view := acct.Boto("macie2", "get_macie_session", nil, "").Without("updatedAt", "createdAt")
	remedytest.Lifecycle(t, acct, Enabled, remedytest.Case{
		Name: "paused", Control: "Macie.1", Resource: "AWS::::Account:" + acct.ID, Want: []string{"enabled: false → true"},
		Seed: func() { turn(t, acct, types.MacieStatusPaused) },
		View: view, Seen: []string{`status: "PAUSED" → "ENABLED"`},
	}, remedytest.Case{
		Name: "off", Control: "Macie.1", Resource: "AWS::::Account:" + acct.ID, Want: []string{"account: false → true", "enabled: false → true"},
		Seed: func() { turn(t, acct, "") },
		View: view, Seen: []string{
			`Error: "AccessDeniedException" → none`, `findingPublishingFrequency: none → "FIFTEEN_MINUTES"`,
			`serviceRole: none → "arn:aws:iam::` + acct.ID, `status: none → "ENABLED"`,
		},
		Left: []string{"account: disabling Macie would delete"},
	})
}

// EnableMacie answers ConflictException for Macie that is paused.
func TestAPausedMacieIsResumed(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	turn(t, acct, types.MacieStatusPaused)
	if r := ended(t, acct); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	out, err := macie2.NewFromConfig(acct.Config).GetMacieSession(t.Context(), &macie2.GetMacieSessionInput{})
	if s := remedytest.Must(t, out, err); s.Status != types.MacieStatusEnabled || s.FindingPublishingFrequency != types.FindingPublishingFrequencySixHours {
		t.Errorf("Macie is %s and publishes each %s, want ENABLED and SIX_HOURS as before", s.Status, s.FindingPublishingFrequency)
	}
}

// The look before may not show yet that Macie is on.
func TestMacieThatIsOnByNowIsNoFailure(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	turn(t, acct, types.MacieStatusEnabled)
	if err := Enabled.Write(t.Context(), acct.Config, remedy.On[none]{Call: asr.Call{Token: "another"}}, session{}, session{Account: true, Enabled: true}); err != nil {
		t.Error(err)
	}
}

func TestMacieThatIsOnIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	turn(t, acct, types.MacieStatusEnabled)
	if r := ended(t, acct); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAMemberOfAnotherAccountsMacieIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	turn(t, acct, types.MacieStatusPaused)
	want := "enable it in account " + manage(t, acct) + " for member " + acct.ID
	if r := ended(t, acct); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || r.Error.Do != want {
		t.Errorf("the run ended %s: %+v, want a refusal that says %q", r.State, r.Error, want)
	}
}

func TestUndoLeavesMacieThatAnotherAccountManagesByNow(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	h := remedytest.NewHarness(acct, Enabled)
	turn(t, acct, types.MacieStatusPaused)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "Macie.1"}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	fixed := remedytest.Must(t, r, err)
	manage(t, acct)
	_, err = h.Engine.Revert(t.Context(), fixed.ID, remedytest.Actor, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, fixed.ID, err))
	if err2 != nil || r.State != asr.StateVerified || r.Undo == nil || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeRefused {
		t.Errorf("undo ended %s: %+v %+v %v, want a refusal", r.State, r.Undo, r.Error, err2)
	}
}

func TestUndoDeletesNoFindings(t *testing.T) {
	for _, g := range Enabled.Spec.WriteGrants() {
		if slices.Contains(g.Actions, "macie2:DisableMacie") {
			t.Errorf("the unit may disable Macie: %+v", g)
		}
	}
}

// Macie has one error code for "denied" and for "not enabled".
func TestADeniedCallIsNotTakenForMacieThatIsOff(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	remove := acct.Sandbox.Fault(sandbox.Fault{
		Service: "macie2", Operation: "GetMacieSession", Account: acct.ID, Status: 403, Code: "AccessDeniedException",
		Message: "User: arn:aws:sts::111111111111:assumed-role/asr-member/ada is not authorized to perform: macie2:GetMacieSession",
	})
	defer remove()
	if r := ended(t, acct); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeDenied {
		t.Errorf("the run ended %s: %+v, want access_denied", r.State, r.Error)
	}
	if err := unlessOff(&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "explicit deny"}); err == nil {
		t.Error("an explicit deny is taken for Macie that is off")
	}
}

func TestMacieIsNeverPausedByAFix(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := session{Account: rapid.Bool().Draw(t, "account"), Administrator: rapid.SampledFrom([]string{"", "999999999999"}).Draw(t, "administrator")}
		now.Enabled = now.Account && rapid.Bool().Draw(t, "enabled")
		remedytest.Stable(t, Enabled, remedy.On[none]{}, now, "account", "enabled")
		got, err := Enabled.Want(remedy.On[none]{}, now)
		if refused := err != nil; refused != (!now.Enabled && now.Administrator != "") || !refused && (!got.Enabled || !got.Account) {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
