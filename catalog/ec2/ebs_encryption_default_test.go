package ec2

import (
	"testing"

	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"pgregory.net/rapid"
)

func TestEBSEncryptionDefault(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	remedytest.Lifecycle(t, acct, EBSEncryptionDefault, remedytest.Case{
		Control: "EC2.7", Want: []string{"default: false → true"},
		View: func() any {
			out, err := ec2.NewFromConfig(acct.Config).GetEbsEncryptionByDefault(t.Context(), &ec2.GetEbsEncryptionByDefaultInput{})
			return remedytest.Must(t, out, err).EbsEncryptionByDefault
		},
	})
}

func TestAnotherRegionKeepsItsEBSEncryptionDefault(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	ended(t, acct, EBSEncryptionDefault, "EC2.7", "")
	here, err := EBSEncryptionDefault.Read(t.Context(), acct.Config, remedy.On[none]{})
	there, err2 := EBSEncryptionDefault.Read(t.Context(), acct.Sandbox.Config(acct.ID, "us-west-2"), remedy.On[none]{})
	if !remedytest.Must(t, here, err).Default || remedytest.Must(t, there, err2).Default {
		t.Errorf("here %v, there %v, want it here only", here, there)
	}
}

func TestWantedSettingsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		on := rapid.Bool().Draw(t, "on")
		remedytest.Stable(t, EBSEncryptionDefault, remedy.On[none]{}, encryption{on}, "default")
		remedytest.Stable(t, SubnetNoPublicIP, remedy.On[none]{}, launch{on}, "publicIP")
		remedytest.Stable(t, IMDSv2, remedy.On[none]{}, metadata{rapid.SampledFrom(new(metadata).Tokens.Values()).Draw(t, "tokens")}, "httpTokens")
	})
}
