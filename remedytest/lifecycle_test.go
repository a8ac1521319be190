package remedytest_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
)

const group = "arn:{partition}:logs:{region}:{account}:log-group:{name}"

type (
	days struct {
		Days int32 `json:"days"`
		lost int32 // JSON can't hold it
	}
	unit = remedy.Unit[days, days]
	on   = remedy.On[days]
)

// retention is a unit without a mistake.
func retention() unit {
	return unit{
		Spec: asr.Spec{
			ID: "test-retention", Version: 1, Title: "Keep events", Impact: "Events are kept.", Risk: asr.RiskLow, RiskWhy: "none",
			Scope: asr.ScopeResource, Resources: []string{group}, Settle: time.Second,
			Reads:  []asr.Grant{asr.Allow("*", "logs:DescribeLogGroups")},
			Writes: []asr.Grant{asr.Allow(group, "logs:PutRetentionPolicy")},
		},
		Controls: map[string]days{"Test.1": {Days: 365}},
		Read: func(ctx context.Context, cfg aws.Config, on on) (days, error) {
			out, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &on.Name})
			if err != nil {
				return days{}, err
			}
			if len(out.LogGroups) == 0 {
				return days{}, asr.ErrGone
			}
			return days{Days: aws.ToInt32(out.LogGroups[0].RetentionInDays)}, nil
		},
		Want: func(on on, now days) (days, error) {
			now.Days = max(now.Days, on.Params.Days)
			return now, nil
		},
		Write: func(ctx context.Context, cfg aws.Config, on on, _, to days) error {
			_, err := cloudwatchlogs.NewFromConfig(cfg).PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &on.Name, RetentionInDays: &to.Days})
			return err
		},
	}
}

// recorder is a T that takes notes of failures instead of failing.
type recorder struct {
	*testing.T
	failures []string
}

type fatal struct{}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}
func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...); panic(fatal{}) }

// try runs a unit's lifecycle and returns what failed.
func try(t *testing.T, u unit) (failures []string) {
	t.Helper()
	acct := remedytest.NewAccount(t)
	api := cloudwatchlogs.NewFromConfig(acct.Config)
	_, err := api.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("app")})
	remedytest.Must(t, 0, err)
	_, err = api.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String("app"), RetentionInDays: aws.Int32(7)})
	remedytest.Must(t, 0, err)
	r := &recorder{T: t}
	defer func() {
		failures = r.failures
		if v := recover(); v != nil && v != any(fatal{}) {
			panic(v)
		}
	}()
	remedytest.Lifecycle(r, acct, u, remedytest.Case{
		Control: "Test.1", Resource: acct.Expand(group, "app"), Want: []string{"days: 7 → 365"},
		View: acct.Boto("logs", "describe_log_groups", map[string]any{"logGroupNamePrefix": "app"}, "logGroups.0").
			And(acct.Boto("logs", "describe_metric_filters", map[string]any{"logGroupName": "app"}, "metricFilters")),
		Seen: []string{"describe_log_groups.retentionInDays: 7 → 365"},
		Gone: func() {
			_, err := api.DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("app")})
			remedytest.Must(t, 0, err)
		},
	})
	return nil
}

func TestDeliberateMistakesFailTheLifecycle(t *testing.T) {
	for _, c := range []struct {
		name    string
		mistake func(u *unit)
		want    string // part of a failure; empty: none
	}{
		{"none", func(*unit) {}, ""},
		{"a write that is not declared", func(u *unit) { u.Spec.Writes = nil }, "access_denied"},
		{"a grant that is never used", func(u *unit) {
			u.Spec.Writes = append(u.Spec.Writes, asr.Allow(group, "logs:DeleteLogGroup"))
		}, "logs:DeleteLogGroup is granted but was not used"},
		{"a write that does nothing", func(u *unit) {
			u.Write = func(context.Context, aws.Config, on, days, days) error { return nil }
		}, "too_many_steps"},
		{"an undo that does nothing", func(u *unit) {
			write := u.Write
			u.Write = func(ctx context.Context, cfg aws.Config, on on, from, to days) error {
				if to.Days < from.Days {
					return nil
				}
				return write(ctx, cfg, on, from, to)
			}
		}, "undo: the run ended partly_applied"},
		{"a plan that is not what was said", func(u *unit) {
			u.Want = func(_ on, now days) (days, error) { return days{Days: max(now.Days, 400)}, nil }
		}, "plan (-want +got)"},
		{"planning that writes", func(u *unit) {
			read, write := u.Read, u.Write
			u.Read = func(ctx context.Context, cfg aws.Config, on on) (days, error) {
				now, err := read(ctx, cfg, on)
				return now, cmp.Or(err, write(ctx, cfg, on, now, now))
			}
			u.Spec.Reads = append(slices.Clone(u.Spec.Reads), u.Spec.Writes...)
		}, "writes, and this session must not"},
		{"state lost in JSON", func(u *unit) {
			read := u.Read
			u.Read = func(ctx context.Context, cfg aws.Config, on on) (days, error) {
				now, err := read(ctx, cfg, on)
				now.lost, now.Days = now.Days, 0
				return now, err
			}
			u.Want = func(_ on, now days) (days, error) { return days{Days: max(now.lost, 365)}, nil }
		}, "plan (-want +got)"},
		{"a want that is not stable", func(u *unit) {
			u.Want = func(_ on, now days) (days, error) { return days{Days: now.Days + 358}, nil }
		}, "apply: the run ended partly_applied"},
		{"a change that nobody spoke of", func(u *unit) {
			write := u.Write
			u.Write = func(ctx context.Context, cfg aws.Config, on on, from, to days) error {
				_, err := cloudwatchlogs.NewFromConfig(cfg).PutMetricFilter(ctx, &cloudwatchlogs.PutMetricFilterInput{
					LogGroupName: &on.Name, FilterName: aws.String("mine"), FilterPattern: aws.String("x"),
					MetricTransformations: []types.MetricTransformation{{MetricName: aws.String("m"), MetricNamespace: aws.String("n"), MetricValue: aws.String("1")}},
				})
				return cmp.Or(err, write(ctx, cfg, on, from, to))
			}
			u.Spec.Writes = []asr.Grant{asr.Allow(group, "logs:PutRetentionPolicy", "logs:PutMetricFilter")}
		}, `describe_metric_filters[]: none → {`},
		{"an action that it can do without", func(u *unit) {
			write := u.Write
			u.Write = func(ctx context.Context, cfg aws.Config, on on, from, to days) error {
				_, _ = cloudwatchlogs.NewFromConfig(cfg).TagLogGroup(ctx, &cloudwatchlogs.TagLogGroupInput{LogGroupName: &on.Name, Tags: map[string]string{"a": "b"}}) //nolint:staticcheck // the deprecated one is as good a mistake
				return write(ctx, cfg, on, from, to)
			}
			u.Spec.Writes = []asr.Grant{asr.Allow(group, "logs:PutRetentionPolicy", "logs:TagLogGroup")}
		}, "is the action needed?"},
		{"a spec that keeps quiet", func(u *unit) { u.Spec.Impact = "" }, "the spec lacks an impact"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			u := retention()
			c.mistake(&u)
			failures := strings.Join(try(t, u), "\n")
			if c.want == "" && failures != "" || !strings.Contains(failures, c.want) {
				t.Errorf("failures:\n%s\nwant one with %q", failures, c.want)
			}
		})
	}
}
