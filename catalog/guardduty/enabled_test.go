package guardduty

import (
	"slices"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newDetector makes a detector without S3 protection.
func newDetector(t *testing.T, acct *remedytest.Account, on bool, tags map[string]string) string {
	t.Helper()
	out, err := guardduty.NewFromConfig(acct.Config).CreateDetector(t.Context(), &guardduty.CreateDetectorInput{
		Enable: &on, FindingPublishingFrequency: types.FindingPublishingFrequencyOneHour, Tags: tags,
		Features: []types.DetectorFeatureConfiguration{{Name: types.DetectorFeatureS3DataEvents, Status: types.FeatureStatusDisabled}},
	})
	return *remedytest.Must(t, out, err).DetectorId
}

func deleteDetector(t *testing.T, acct *remedytest.Account) {
	t.Helper()
	api := guardduty.NewFromConfig(acct.Config)
	out, err := api.ListDetectors(t.Context(), &guardduty.ListDetectorsInput{})
	for _, id := range remedytest.Must(t, out, err).DetectorIds {
		_, err := api.DeleteDetector(t.Context(), &guardduty.DeleteDetectorInput{DetectorId: &id})
		remedytest.Must(t, id, err)
	}
}

func view(acct *remedytest.Account, id string) remedytest.View {
	return acct.Boto("guardduty", "get_detector", map[string]any{"DetectorId": id}, "").Without("UpdatedAt")
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDetector(t, acct, false, map[string]string{"team": "soc"})
	remedytest.Lifecycle(t, acct, Enabled, remedytest.Case{
		Name: "suspended", Control: "GuardDuty.1", Resource: "AWS::::Account:" + acct.ID, Want: []string{"enabled: false → true"},
		View: view(acct, id), Seen: []string{`Status: "DISABLED" → "ENABLED"`},
	}, remedytest.Case{
		Name: "never turned on", Control: "GuardDuty.1", Resource: "AWS::::Account:" + acct.ID, Want: []string{"detector: false → true", "enabled: false → true"},
		Seed: func() { deleteDetector(t, acct) },
		View: acct.Boto("guardduty", "list_detectors", nil, "DetectorIds"), Seen: []string{`[]: none → "`},
		Left: []string{"detector: it holds findings"},
	})
}

func TestUndoSuspendsADetectorAndDeletesNoFindings(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	h := remedytest.NewHarness(acct, Enabled)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "GuardDuty.1"}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	fixed := remedytest.Must(t, r, err)
	_, err = h.Engine.Revert(t.Context(), fixed.ID, remedytest.Actor, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, fixed.ID, err))
	remedytest.Must(t, r, err)
	now, err := readWatch(t.Context(), acct.Config, remedy.On[none]{})
	if want := (watch{Detector: true}); err != nil || now != want || r.State != asr.StateReverted {
		t.Errorf("undo ended %s and leaves %+v, want %+v: %v", r.State, now, want, err)
	}
	for _, g := range Enabled.Spec.WriteGrants() {
		if slices.Contains(g.Actions, "guardduty:DeleteDetector") {
			t.Errorf("the unit may delete detectors: %+v", g)
		}
	}
}

// The plans of a detector are the owner's: some were turned off for their cost.
func TestAProtectionPlanThatIsOffStaysOff(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDetector(t, acct, false, nil)
	if r := remedytest.End(t, acct, Enabled, remedytest.Case{Control: "GuardDuty.1"}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	out, err := guardduty.NewFromConfig(acct.Config).GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: &id})
	d := remedytest.Must(t, out, err)
	if d.Status != types.DetectorStatusEnabled || len(d.Features) != 1 || d.Features[0].Status != types.FeatureStatusDisabled || d.DataSources.S3Logs.Status != types.DataSourceStatusDisabled {
		t.Errorf("the detector is %s, its plans are %+v, S3 logs %s", d.Status, d.Features, d.DataSources.S3Logs.Status)
	}
}

func TestANewDetectorIsTheRuns(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	r := remedytest.End(t, acct, Enabled, remedytest.Case{Control: "GuardDuty.1"})
	api := guardduty.NewFromConfig(acct.Config)
	id, err := detector(t.Context(), api)
	out, err := api.GetDetector(t.Context(), &guardduty.GetDetectorInput{DetectorId: aws.String(remedytest.Must(t, id, err))})
	if diff := cmp.Diff(map[string]string{asr.OwnerTag: r.ID}, remedytest.Must(t, out, err).Tags); diff != "" {
		t.Errorf("its tags (-want +got)\n%s", diff)
	}
}

func TestADetectorThatIsOnIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newDetector(t, acct, true, nil)
	if r := remedytest.End(t, acct, Enabled, remedytest.Case{Control: "GuardDuty.1"}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAMemberOfAnotherAccountsGuardDutyIsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newDetector(t, acct, false, nil)
	_, err := guardduty.NewFromConfig(acct.Config).EnableOrganizationAdminAccount(t.Context(), &guardduty.EnableOrganizationAdminAccountInput{AdminAccountId: aws.String("999999999999")})
	remedytest.Must(t, 0, err)
	r := remedytest.End(t, acct, Enabled, remedytest.Case{Control: "GuardDuty.1"})
	if want := "enable it in account 999999999999 for member " + acct.ID; r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused || r.Error.Do != want {
		t.Errorf("the run ended %s: %+v, want a refusal that says %q", r.State, r.Error, want)
	}
}

func TestUndoLeavesADetectorThatAnotherAccountManagesByNow(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	h := remedytest.NewHarness(acct, Enabled)
	newDetector(t, acct, false, nil)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "GuardDuty.1"}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	fixed := remedytest.Must(t, r, err)
	_, err = guardduty.NewFromConfig(acct.Config).EnableOrganizationAdminAccount(t.Context(), &guardduty.EnableOrganizationAdminAccountInput{AdminAccountId: aws.String("999999999999")})
	remedytest.Must(t, 0, err)
	_, err = h.Engine.Revert(t.Context(), fixed.ID, remedytest.Actor, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, fixed.ID, err))
	if err2 != nil || r.State != asr.StateVerified || r.Undo == nil || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeRefused {
		t.Errorf("undo ended %s: %+v %+v %v, want a refusal", r.State, r.Undo, r.Error, err2)
	}
}

func TestGuardDutyIsNeverSuspendedByAFix(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := watch{Administrator: rapid.SampledFrom([]string{"", "999999999999"}).Draw(t, "administrator"), Detector: rapid.Bool().Draw(t, "detector")}
		now.Enabled = now.Detector && rapid.Bool().Draw(t, "enabled")
		remedytest.Stable(t, Enabled, remedy.On[none]{}, now, "detector", "enabled")
		got, err := Enabled.Want(remedy.On[none]{}, now)
		if refused := err != nil; refused != (!now.Enabled && now.Administrator != "") || !refused && (!got.Enabled || !got.Detector) {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
