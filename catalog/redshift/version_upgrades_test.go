package redshift

import (
	"testing"

	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"pgregory.net/rapid"
)

func TestVersionUpgrades(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	sales := newCluster(t, acct, "sales", nil)
	remedytest.Lifecycle(t, acct, VersionUpgrades, remedytest.Case{
		Name: "off", Control: "Redshift.6", Resource: sales, Want: []string{"allowed: false → true"},
		View: view(acct, "sales"), Seen: []string{"AllowVersionUpgrade: false → true"},
	}, remedytest.Case{
		Name: "others move the maintenance window", Control: "Redshift.6", Resource: sales, Want: []string{"allowed: false → true"},
		Meanwhile: change(t, acct, redshift.ModifyClusterInput{ClusterIdentifier: aws.String("sales"), PreferredMaintenanceWindow: aws.String("tue:01:00-tue:01:30")}),
		Gone:      drop(t, acct, "sales"),
	})
}

func TestUpgradesAreAllowedWithoutAnyRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := upgrades{rapid.Bool().Draw(t, "allowed"), rapid.SampledFrom([]string{"", "paused"}).Draw(t, "refusal")}
		remedytest.Stable(t, VersionUpgrades, remedy.On[none]{}, now, "allowed")
		got, err := VersionUpgrades.Want(remedy.On[none]{}, now)
		if refused := err != nil; refused != (!now.Allowed && now.Refusal != "") || !refused && !got.Allowed {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
