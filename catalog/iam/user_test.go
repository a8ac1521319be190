package iam

import (
	"slices"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

type person struct {
	t    *testing.T
	acct *remedytest.Account
	api  *iam.Client
	name string
	arn  string
	id   string
}

func newUser(t *testing.T, acct *remedytest.Account, path, name string) person {
	api := iam.NewFromConfig(acct.Config)
	out, err := api.CreateUser(t.Context(), &iam.CreateUserInput{UserName: &name, Path: aws.String("/" + path)})
	u := remedytest.Must(t, out, err).User
	return person{t, acct, api, name, *u.Arn, *u.UserId}
}

// key makes an access key and, for days other than 0, says when it was made and used.
func (p person) key(made, used int) string {
	out, err := p.api.CreateAccessKey(p.t.Context(), &iam.CreateAccessKeyInput{UserName: &p.name})
	id := *remedytest.Must(p.t, out, err).AccessKey.AccessKeyId
	p.backdate(sandbox.AccessKeyCreated, id, made)
	p.backdate(sandbox.AccessKeyUsed, id, used)
	return id
}

// password gives the user a password and, for days other than 0, says when it
// was made (the emulator takes the user's date for it) and used.
func (p person) password(made, used int) {
	_, err := p.api.CreateLoginProfile(p.t.Context(), &iam.CreateLoginProfileInput{UserName: &p.name, Password: aws.String("Corr3ct-horse")})
	remedytest.Must(p.t, 0, remedy.Unless(err, "EntityAlreadyExists"))
	p.backdate(sandbox.UserCreated, p.name, made)
	p.backdate(sandbox.PasswordUsed, p.name, used)
}

func (p person) backdate(kind, id string, days int) {
	if days != 0 {
		remedytest.Must(p.t, 0, p.acct.Sandbox.Backdate(p.t.Context(), p.acct.ID, kind, id, time.Now().Add(-time.Duration(days)*24*time.Hour-time.Hour)))
	}
}

func (p person) set(id string, s types.StatusType) {
	_, err := p.api.UpdateAccessKey(p.t.Context(), &iam.UpdateAccessKeyInput{UserName: &p.name, AccessKeyId: &id, Status: s})
	remedytest.Must(p.t, 0, err)
}

// view is the whole user.
func (p person) view() remedytest.View {
	who := map[string]any{"UserName": p.name}
	return p.acct.Boto("iam", "get_user", who, "User").And(p.acct.Boto("iam", "list_access_keys", who, "AccessKeyMetadata")).
		And(p.acct.Boto("iam", "get_login_profile", who, "")).And(p.acct.Boto("iam", "list_ssh_public_keys", who, "SSHPublicKeys"))
}

// seenGone is what boto3 sees of a password that is deleted.
var seenGone = []string{"get_login_profile.LoginProfile: {", `get_login_profile.Error: none → "NoSuchEntity"`}

// seenOff is what boto3 sees of keys that are deactivated.
func (p person) seenOff(keys ...string) (seen []string) {
	for _, id := range keys {
		seen = append(seen, `list_access_keys[]: {"AccessKeyId":"`+id+`","CreateDate":`, `list_access_keys[]: none → {"AccessKeyId":"`+id+`","CreateDate":`)
	}
	return seen
}

// replace deletes a key and makes another.
func (p person) replace(id string) {
	_, err := p.api.DeleteAccessKey(p.t.Context(), &iam.DeleteAccessKeyInput{UserName: &p.name, AccessKeyId: &id})
	remedytest.Must(p.t, id, err)
	p.key(0, 0)
}

func (p person) remove(keys ...string) {
	for _, id := range keys {
		_, err := p.api.DeleteAccessKey(p.t.Context(), &iam.DeleteAccessKeyInput{UserName: &p.name, AccessKeyId: &id})
		remedytest.Must(p.t, id, err)
	}
	_, err := p.api.DeleteLoginProfile(p.t.Context(), &iam.DeleteLoginProfileInput{UserName: &p.name})
	remedytest.Must(p.t, p.name, remedy.Unless(err, "NoSuchEntity"))
	_, err = p.api.DeleteUser(p.t.Context(), &iam.DeleteUserInput{UserName: &p.name})
	remedytest.Must(p.t, p.name, err)
}

func TestUsersAreFoundByARNWithPathOrByID(t *testing.T) {
	for name, tt := range map[string]struct{ id, wantName string }{
		"plain":   {"arn:aws:iam::111111111111:user/ann", "ann"},
		"path":    {"arn:aws-cn:iam::111111111111:user/eng/ops/ann", "eng/ops/ann"},
		"its id":  {"AIDAIOSFODNN7EXAMPLEX", ""},
		"a role":  {"arn:aws:iam::111111111111:role/ann", "!"},
		"a group": {"AGPAIOSFODNN7EXAMPLEX", "!"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := RotateKeys.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: tt.id})
			if (err != nil) != (tt.wantName == "!") || err == nil && got.Name != tt.wantName {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if got := *nameOf(asr.Target{Name: "eng/ops/ann"}); got != "ann" {
		t.Errorf("the API's name is %q", got)
	}
}

func TestAUserWhoseIDNobodyHasIsGone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newUser(t, acct, "", "ann")
	on := remedy.On[age]{Target: asr.Target{Partition: "aws", Account: acct.ID, ID: "AIDAIOSFODNN7EXAMPLEX"}}
	if got, err := RotateKeys.Resolve(t.Context(), acct.Config, on); err != asr.ErrGone {
		t.Errorf("got %+v, %v, want gone", got, err)
	}
}

func sorted(s ...string) []string { slices.Sort(s); return s }
