package ssm

import (
	"maps"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func newDocument(t *testing.T, acct *remedytest.Account, name string) string {
	t.Helper()
	_, err := ssm.NewFromConfig(acct.Config).CreateDocument(t.Context(), &ssm.CreateDocumentInput{
		Name: &name, DocumentType: types.DocumentTypeCommand, DocumentFormat: types.DocumentFormatJson, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("ops")}},
		Content: aws.String(`{"schemaVersion":"2.2","description":"d","mainSteps":[{"action":"aws:runShellScript","name":"run","inputs":{"runCommand":["true"]}}]}`),
	})
	return remedytest.Must(t, acct.Expand(document, name), err)
}

func share(t *testing.T, acct *remedytest.Account, name, version string, accounts ...string) func() {
	return func() {
		in := &ssm.ModifyDocumentPermissionInput{Name: &name, PermissionType: types.DocumentPermissionTypeShare, AccountIdsToAdd: accounts}
		if version != "" {
			in.SharedDocumentVersion = &version
		}
		_, err := ssm.NewFromConfig(acct.Config).ModifyDocumentPermission(t.Context(), in)
		remedytest.Must(t, name, err)
	}
}

func shared(t *testing.T, acct *remedytest.Account, name string) map[string]string {
	t.Helper()
	s, err := DocumentsPrivate.Read(t.Context(), acct.Config, remedy.On[none]{Target: asr.Target{Name: name}})
	return remedytest.Must(t, s, err).Shared
}

func TestDocumentsPrivate(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newDocument(t, acct, "public")
	remedytest.Lifecycle(t, acct, DocumentsPrivate, remedytest.Case{
		Name: "public in its latest version", Control: "SSM.4", Resource: arn, Want: []string{`shared.all: "$LATEST" → none`},
		Seed: share(t, acct, "public", "$LATEST", "all"),
		View: acct.Boto("ssm", "describe_document_permission", map[string]any{"Name": "public", "PermissionType": "Share"}, "").
			And(acct.Boto("ssm", "describe_document", map[string]any{"Name": "public"}, "Document")),
		Seen: []string{`describe_document_permission.AccountIds[]: "all" → none`, `describe_document_permission.AccountSharingInfoList[]: {"AccountId":"all","SharedDocumentVersion":"$LATEST"} → none`},
		Gone: func() {
			api := ssm.NewFromConfig(acct.Config) // a document that is shared can't be deleted
			_, err := api.ModifyDocumentPermission(t.Context(), &ssm.ModifyDocumentPermissionInput{Name: aws.String("public"), PermissionType: types.DocumentPermissionTypeShare, AccountIdsToRemove: []string{"all"}})
			remedytest.Must(t, arn, err)
			_, err = api.DeleteDocument(t.Context(), &ssm.DeleteDocumentInput{Name: aws.String("public")})
			remedytest.Must(t, arn, err)
		},
	})
}

func TestADocumentWhoseNameHasADotIsFixedToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newDocument(t, acct, "team.patch-1.0_x")
	share(t, acct, "team.patch-1.0_x", "", "all")()
	if r := remedytest.End(t, acct, DocumentsPrivate, remedytest.Case{Control: "SSM.4", Resource: arn}); r.State != asr.StateVerified {
		t.Fatalf("the run ended %s: %+v", r.State, r.Error)
	}
	if got := shared(t, acct, "team.patch-1.0_x"); len(got) > 0 {
		t.Errorf("it is shared with %v", got)
	}
}

// Nothing is said to be private that wasn't read again.
func TestADocumentThatSomebodySharesAgainIsNotSaidToBePrivate(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newDocument(t, acct, "again")
	public := share(t, acct, "again", "", "all")
	public()
	h := remedytest.NewHarness(acct, DocumentsPrivate)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "SSM.4", Resource: arn}, false)
	remedytest.Must(t, r, err)
	for range 20 {
		if r, err = h.Store.Run(t.Context(), r.ID); err != nil || r.State == asr.StateSettling || !r.State.Open() {
			break
		}
		if r.State == asr.StateAwaiting {
			_, err := h.Engine.Approve(t.Context(), r.ID, r.Plan.Hash, remedytest.Actor, "test")
			remedytest.Must(t, r, err)
		}
		next, err := h.Engine.Step(t.Context(), r.ID)
		remedytest.Must(t, next, err)
	}
	if err != nil || r.State != asr.StateSettling {
		t.Fatalf("the run is %s: %+v %v", r.State, r.Error, err)
	}
	public()
	if r, err = h.Drive(t.Context(), r.ID); err != nil || r.State != asr.StatePartly || r.Error.Code != asr.CodeNotVerified {
		t.Errorf("the run ended %s: %+v %v, want not_verified", r.State, r.Error, err)
	}
}

func TestADocumentThatNamedAccountsUseIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newDocument(t, acct, "named")
	share(t, acct, "named", "", "222222222222", "333333333333")()
	if r := remedytest.End(t, acct, DocumentsPrivate, remedytest.Case{Control: "SSM.4", Resource: arn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Plan, r.Error)
	}
}

func TestUndoTakesNoNamedAccountsShareAway(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newDocument(t, acct, "doc")
	share(t, acct, "doc", "", "all")()
	h := remedytest.NewHarness(acct, DocumentsPrivate)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "SSM.4", Resource: arn}, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	fixed := remedytest.Must(t, r, err)
	share(t, acct, "doc", "", "222222222222")()
	_, err = h.Engine.Revert(t.Context(), fixed.ID, remedytest.Actor, false)
	r, err = h.Drive(t.Context(), remedytest.Must(t, fixed.ID, err))
	if remedytest.Must(t, r, err).Undo == nil || r.Undo.Refused == nil || r.Undo.Refused.Code != asr.CodeRefused {
		t.Errorf("undo ended %s: %+v %+v", r.State, r.Undo, r.Error)
	}
	if diff := cmp.Diff(map[string]string{"222222222222": "$DEFAULT"}, shared(t, acct, "doc")); diff != "" {
		t.Errorf("shared with (-want +got)\n%s", diff)
	}
}

func TestAPageOfAccountsIsReadWhateverItsLetters(t *testing.T) {
	s := sharing{map[string]string{}}
	s.add(&ssm.DescribeDocumentPermissionOutput{
		AccountIds:             []string{"All", "222222222222"},
		AccountSharingInfoList: []types.AccountSharingInfo{{AccountId: aws.String("222222222222"), SharedDocumentVersion: aws.String("$ALL")}, {AccountId: aws.String("All")}},
	})
	if diff := cmp.Diff(map[string]string{"all": "$DEFAULT", "222222222222": "$ALL"}, s.Shared); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNamedAccountsStay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		account := rapid.SampledFrom([]string{"all", "222222222222", "333333333333"})
		now := sharing{rapid.MapOf(account, rapid.SampledFrom([]string{"$DEFAULT", "$LATEST"})).Draw(t, "shared")}
		remedytest.Stable(t, DocumentsPrivate, remedy.On[none]{}, now, "shared")
		got, err := DocumentsPrivate.Want(remedy.On[none]{}, now)
		want := maps.Clone(now.Shared)
		delete(want, "all")
		if err != nil || !maps.Equal(got.Shared, want) {
			t.Fatalf("%v becomes %v: %v", now.Shared, got.Shared, err)
		}
	})
}
