package ec2

import (
	"fmt"
	"testing"

	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEBSEncryptionDefault(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	remedytest.Lifecycle(t, acct, EBSEncryptionDefault, remedytest.Case{
		Control: "EC2.7", Want: []string{"default: false → true"},
		View: acct.Boto("ec2", "get_ebs_encryption_by_default", nil, ""),
		Seen: []string{"EbsEncryptionByDefault: false → true"},
	})
}

func TestTheDefaultKeyIsLeftAlone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	var made []string
	cfg := tap(acct.Config, func(in, out any) error {
		if out == nil {
			made = append(made, fmt.Sprintf("%T", in))
		}
		return nil
	})
	for _, to := range []bool{true, false} {
		if err := EBSEncryptionDefault.Write(t.Context(), cfg, remedy.On[none]{}, encryption{!to}, encryption{to}); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"*ec2.EnableEbsEncryptionByDefaultInput", "*ec2.DisableEbsEncryptionByDefaultInput"}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("calls (-want +got)\n%s", diff)
	}
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
		subnet := launch{on, rapid.Bool().Draw(t, "IPv6"), rapid.Bool().Draw(t, "IPv6 only")}
		remedytest.Stable(t, SubnetNoPublicIP, remedy.On[none]{}, subnet, "publicIP", "ipv6")
		remedytest.Stable(t, TransitGatewayNoAutoAccept, remedy.On[none]{}, accepting{rapid.SampledFrom(new(accepting).Auto.Values()).Draw(t, "auto-accept")}, "autoAccept")
		remedytest.Stable(t, IMDSv2, remedy.On[none]{}, metadata{rapid.SampledFrom(new(metadata).Tokens.Values()).Draw(t, "tokens")}, "httpTokens")
	})
}
