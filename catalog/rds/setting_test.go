package rds

import (
	"context"
	"reflect"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// RDS has no place for these settings among the modifications that wait for
// the maintenance window, so they can't be left for it.
func TestNoneOfTheseSettingsCanWaitForTheMaintenanceWindow(t *testing.T) {
	t.Parallel()
	for _, pending := range []reflect.Type{reflect.TypeFor[types.PendingModifiedValues](), reflect.TypeFor[types.ClusterPendingModifiedValues]()} {
		if _, ok := pending.FieldByName("EngineVersion"); !ok {
			t.Errorf("%s has no EngineVersion: is this still where RDS keeps what waits?", pending)
		}
		for _, name := range []string{"DeletionProtection", "CopyTagsToSnapshot", "AutoMinorVersionUpgrade", "MonitoringInterval", "MonitoringRoleArn", "PubliclyAccessible"} {
			if _, waits := pending.FieldByName(name); waits {
				t.Errorf("%s may wait for the maintenance window", name)
			}
		}
	}
}

// ApplyImmediately would release what others have left for the window: the
// requests hold nothing but the setting, both ways.
func TestSwitchingASettingReleasesNothingThatWaits(t *testing.T) {
	t.Parallel()
	ctx, name, yes, no := t.Context(), aws.String("shop"), aws.Bool(true), aws.Bool(false)
	on := remedy.On[none]{Target: asr.Target{Name: *name}}
	for id, tt := range map[string]struct {
		write func(context.Context, aws.Config, setting, setting) error
		want  func(*bool) any
	}{
		"instance protection": {
			func(ctx context.Context, cfg aws.Config, from, to setting) error {
				return InstanceDeletionProtection.Write(ctx, cfg, on, from, to)
			},
			func(b *bool) any {
				return &rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, DeletionProtection: b}
			},
		},
		"instance tags": {
			func(ctx context.Context, cfg aws.Config, from, to setting) error {
				return InstanceCopyTags.Write(ctx, cfg, on, from, to)
			},
			func(b *bool) any {
				return &rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, CopyTagsToSnapshot: b}
			},
		},
		"upgrades": {
			func(ctx context.Context, cfg aws.Config, from, to setting) error {
				return MinorUpgrades.Write(ctx, cfg, on, upgrades{On: from.On}, upgrades{On: to.On})
			},
			func(b *bool) any {
				return &rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, AutoMinorVersionUpgrade: b}
			},
		},
		"upgrades of a cluster": {
			func(ctx context.Context, cfg aws.Config, from, to setting) error {
				return MinorUpgrades.Write(ctx, cfg, on, upgrades{On: from.On, Cluster: "c"}, upgrades{On: to.On, Cluster: "c"})
			},
			func(b *bool) any {
				return &rds.ModifyDBClusterInput{DBClusterIdentifier: aws.String("c"), AutoMinorVersionUpgrade: b}
			},
		},
		"cluster protection": {
			func(ctx context.Context, cfg aws.Config, from, to setting) error {
				return ClusterDeletionProtection.Write(ctx, cfg, on, from, to)
			},
			func(b *bool) any { return &rds.ModifyDBClusterInput{DBClusterIdentifier: name, DeletionProtection: b} },
		},
		"cluster tags": {
			func(ctx context.Context, cfg aws.Config, from, to setting) error {
				return ClusterCopyTags.Write(ctx, cfg, on, from, to)
			},
			func(b *bool) any { return &rds.ModifyDBClusterInput{DBClusterIdentifier: name, CopyTagsToSnapshot: b} },
		},
	} {
		t.Run(id, func(t *testing.T) {
			acct := remedytest.NewAccount(t)
			for _, fault := range []string{"ModifyDBInstance", "ModifyDBCluster"} {
				t.Cleanup(acct.Sandbox.Fault(sandbox.Fault{Service: "rds", Operation: fault, Account: acct.ID, Code: "InvalidDBInstanceState"}))
			}
			cfg, asked := remedytest.Asked[any](acct.Config)
			for _, to := range []setting{{On: true}, {}} {
				if err := tt.write(ctx, cfg, setting{On: !to.On}, to); err != asr.ErrSettling {
					t.Fatalf("got %v, want it to settle", err)
				}
			}
			want := []any{tt.want(yes), tt.want(no)}
			if diff := cmp.Diff(want, *asked, cmpopts.IgnoreUnexported(rds.ModifyDBInstanceInput{}, rds.ModifyDBClusterInput{})); diff != "" {
				t.Errorf("asked (-want +got)\n%s", diff)
			}
		})
	}
}

func TestASettingIsOnlySwitchedOnAndNothingElseChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := setting{rapid.Bool().Draw(t, "on"), rapid.SampledFrom([]string{"", "stopped"}).Draw(t, "refusal")}
		remedytest.Stable(t, InstanceDeletionProtection, remedy.On[none]{}, now, "on")
		remedytest.Stable(t, InstanceCopyTags, remedy.On[none]{}, now, "on")
		remedytest.Stable(t, ClusterDeletionProtection, remedy.On[none]{}, now, "on")
		remedytest.Stable(t, ClusterCopyTags, remedy.On[none]{}, now, "on")
		for _, u := range []remedy.Unit[none, setting]{InstanceDeletionProtection, InstanceCopyTags, ClusterDeletionProtection, ClusterCopyTags} {
			got, err := u.Want(remedy.On[none]{}, now)
			if refuses := err != nil; refuses != (!now.On && now.Refusal != "") || !refuses && !got.On || refuses && asr.Advice(err) == "" {
				t.Fatalf("%s: %+v becomes %+v: %v", u.Spec.ID, now, got, err)
			}
		}
	})
}
