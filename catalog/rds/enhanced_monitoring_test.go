package rds

import (
	"context"
	"slices"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func newMonitorRole(t *testing.T, acct *remedytest.Account, path, name string) *string {
	out, err := iam.NewFromConfig(acct.Config).CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: &path,
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"monitoring.rds.amazonaws.com"},"Action":"sts:AssumeRole"}]}`),
	})
	return remedytest.Must(t, out, err).Role.Arn
}

func TestEnhancedMonitoring(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	role, theirs := *newMonitorRole(t, acct, "/asr/", monitorName), newMonitorRole(t, acct, "/", "theirs")
	shop, store := newInstance(t, acct, "shop"), newInstance(t, acct, "store")
	slow := newInstance(t, acct, "slow", func(in *rds.CreateDBInstanceInput) {
		in.MonitoringInterval, in.MonitoringRoleArn = aws.Int32(60), theirs
	})
	begins := func(name, seconds string) []string {
		return []string{"EnhancedMonitoringResourceArn: none → ", `MonitoringRoleArn: none → "` + role, "MonitoringInterval: 0 → " + seconds}
	}
	remedytest.Lifecycle(t, acct, EnhancedMonitoring, remedytest.Case{
		Name: "by ARN", Control: "RDS.6", Resource: *shop.DBInstanceArn, Want: []string{`role: "" → "` + role + `"`, "seconds: 0 → 60"},
		View: look(acct, "shop"), Seen: begins("shop", "60"),
		Foreign: change(t, acct, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("shop"), MonitoringInterval: aws.Int32(5)}),
	}, remedytest.Case{
		Name: "by resource ID, at the interval that Security Hub asks for", Control: "RDS.6", Params: `{"seconds":15}`, Resource: *store.DbiResourceId,
		Want: []string{`role: "" → "` + role + `"`, "seconds: 0 → 15"},
		View: look(acct, "store"), Seen: begins("store", "15"),
		Meanwhile: change(t, acct, rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("store"), CopyTagsToSnapshot: aws.Bool(true)}),
		Gone:      drop(t, acct, "store"),
	}, remedytest.Case{
		Name: "too seldom, with a role of the owner's", Control: "RDS.6", Params: `{"seconds":30}`, Resource: *slow.DBInstanceArn, Want: []string{"seconds: 60 → 30"},
		View: look(acct, "slow"), Seen: []string{"MonitoringInterval: 60 → 30"},
	})
}

func TestARoleOfTheOwnersIsNeitherReplacedNorHandedOverAgain(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	theirs := newMonitorRole(t, acct, "/", "theirs")
	newInstance(t, acct, "shop", func(in *rds.CreateDBInstanceInput) {
		in.MonitoringInterval, in.MonitoringRoleArn = aws.Int32(60), theirs
	})
	on := remedy.On[interval]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, Name: "shop"}, Params: interval{10}}
	cfg, asked := remedytest.Asked[*rds.ModifyDBInstanceInput](acct.Config)
	now, err := EnhancedMonitoring.Read(t.Context(), cfg, on)
	to, err2 := EnhancedMonitoring.Want(on, remedytest.Must(t, now, err))
	if want := (measuring{Seconds: 10, Role: *theirs}); err2 != nil || to != want {
		t.Fatalf("got %+v, %v, want %+v", to, err2, want)
	}
	if err := EnhancedMonitoring.Write(t.Context(), cfg, on, now, to); err != asr.ErrSettling {
		t.Errorf("got %v, want it to settle", err)
	}
	want := []*rds.ModifyDBInstanceInput{{DBInstanceIdentifier: aws.String("shop"), MonitoringInterval: aws.Int32(10)}} // no role, no ApplyImmediately
	if diff := cmp.Diff(want, *asked, cmpopts.IgnoreUnexported(rds.ModifyDBInstanceInput{})); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

func TestAnInstanceThatIsMeasuredMoreOftenIsRightAlready(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	theirs := newMonitorRole(t, acct, "/", "theirs") // and none of ours
	i := newInstance(t, acct, "shop", func(in *rds.CreateDBInstanceInput) {
		in.MonitoringInterval, in.MonitoringRoleArn = aws.Int32(1), theirs
	})
	if r := remedytest.End(t, acct, EnhancedMonitoring, remedytest.Case{Control: "RDS.6", Resource: *i.DBInstanceArn}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestMonitoringThatDidNotBeginIsNoSuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newMonitorRole(t, acct, "/asr/", monitorName)
	i := newInstance(t, acct, "shop")
	idle := EnhancedMonitoring
	idle.Write = func(context.Context, aws.Config, remedy.On[interval], measuring, measuring) error { return nil } // RDS says yes, and nothing changes
	if r := remedytest.End(t, acct, idle, remedytest.Case{Control: "RDS.6", Resource: *i.DBInstanceArn}); r.State != asr.StatePartly || r.Error == nil || r.Error.Code != asr.CodeTooManySteps {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestWithoutTheMonitoringRoleItSaysWhatToDeploy(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/theirs/"} {
		acct := remedytest.NewAccount(t)
		if path != "" {
			newMonitorRole(t, acct, path, monitorName)
		}
		i := newInstance(t, acct, "shop")
		r := remedytest.End(t, acct, EnhancedMonitoring, remedytest.Case{Control: "RDS.6", Resource: *i.DBInstanceArn})
		refused(t, r, "role/asr/asr-rds-monitoring")
		if want := "deploy asr-member, which has it, in account " + acct.ID + ", then plan again"; r.Error != nil && r.Error.Do != want {
			t.Errorf("the advice is %q, want %q", r.Error.Do, want)
		}
	}
}

func TestInstancesThatCannotBeMeasuredAreRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newMonitorRole(t, acct, "/asr/", monitorName)
	member := newInstance(t, acct, "member", memberOf(newCluster(t, acct, "multi", "postgres")))
	refused(t, remedytest.End(t, acct, EnhancedMonitoring, remedytest.Case{Control: "RDS.6", Resource: *member.DBInstanceArn}), "the Multi-AZ cluster multi")
	for name, tt := range map[string]struct {
		i     types.DBInstance
		stuck string
		want  string
	}{
		"plain":  {types.DBInstance{Engine: aws.String("mysql")}, "", ""},
		"Aurora": {types.DBInstance{Engine: aws.String("aurora-mysql"), DBClusterIdentifier: aws.String("c")}, "", ""},
		"custom": {types.DBInstance{Engine: aws.String("custom-sqlserver-ee")}, "", "RDS Custom"},
		"stuck":  {types.DBInstance{Engine: aws.String("mysql")}, "it is stopped", "it is stopped"},
	} {
		if why, do := unmeasured(tt.i, tt.stuck); !strings.HasPrefix(why, tt.want) || (why == "") != (tt.want == "") || (why == "") != (do == "") {
			t.Errorf("%s: %q, %q, want %q", name, why, do, tt.want)
		}
	}
}

func TestAnIntervalThatRDSDoesNotTakeIsRefusedFirst(t *testing.T) {
	t.Parallel()
	for seconds, ok := range map[int32]bool{1: true, 5: true, 10: true, 15: true, 30: true, 60: true, 0: false, 20: false, -1: false, 120: false} {
		if err := EnhancedMonitoring.Validate(remedy.On[interval]{Params: interval{seconds}}); (err == nil) != ok {
			t.Errorf("%d seconds: %v", seconds, err)
		}
	}
}

func TestMeasurementsAreNeverMadeRarerAndARoleIsNeverReplaced(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom([]string{"", "word"})
		now := measuring{rapid.SampledFrom(append([]int32{0}, intervals...)).Draw(t, "now"), words.Draw(t, "role"), words.Draw(t, "refusal"), "do"}
		on := remedy.On[interval]{Params: interval{rapid.SampledFrom(intervals).Draw(t, "asked")}}
		remedytest.Stable(t, EnhancedMonitoring, on, now, "seconds", "role")
		to, err := EnhancedMonitoring.Want(on, now)
		if err != nil {
			if now.Refusal == "" || now.Seconds != 0 && now.Seconds <= on.Params.Seconds {
				t.Fatalf("%+v is refused: %v", now, err)
			}
			return
		}
		if to.Seconds == 0 || to.Seconds > on.Params.Seconds || now.Seconds != 0 && to.Seconds > now.Seconds || now.Role != "" && to.Role != now.Role || !slices.Contains(intervals, to.Seconds) {
			t.Fatalf("%+v becomes %+v for %d", now, to, on.Params.Seconds)
		}
	})
}
