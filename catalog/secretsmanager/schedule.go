package secretsmanager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

type period struct {
	Days int64 `json:"days" doc:"Days between two rotations at most, 1 to 1000."`
}

// rotation is when a secret is rotated. The fields after Window are for
// judging only.
type rotation struct {
	On       bool   `json:"on"`
	Schedule string `json:"schedule"`         // "90 days", "rate(…)" or "cron(…)"; "": there never was one
	Window   string `json:"window,omitempty"` // how long a rotation may take to begin, "3h"; "": what AWS has by default

	Interval int64  `json:"interval"`           // longest time between two rotations by that schedule, in days; 0: not known
	Function string `json:"function,omitempty"` // the ARN of the function that rotates; "": AWS does it, or nobody
	Overdue  bool   `json:"overdue,omitempty"`  // the last rotation didn't come when it was due
	Refusal  string `json:"refusal,omitempty"`  // why rotation can't be set up or changed
	Do       string `json:"do,omitempty"`       // what to do about that
}

// A call for a secret must be allowed to invoke the function of that secret,
// whatever its name: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
var rotationImplied = []asr.Grant{asr.Allow("arn:{partition}:lambda:{region}:{account}:function:*", "lambda:InvokeFunction")}

func validatePeriod(on remedy.On[period]) error {
	if d := on.Params.Days; d < 1 || d > 1000 { // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
		return errors.New("days must be from 1 to 1000")
	}
	return nil
}

// wantRotation turns rotation on, and makes the time between rotations shorter,
// never longer.
func wantRotation(on remedy.On[period], now rotation) (rotation, error) {
	often := now.Interval > 0 && now.Interval <= on.Params.Days
	switch {
	case now.On && often:
		return now, nil
	case now.Refusal != "":
		return now, asr.Refuse(now.Refusal, now.Do)
	case now.On && now.Interval == 0:
		return now, asr.Refuse("nobody can tell how often "+cmp.Or(now.Schedule, "no schedule")+" rotates the secret", "give it a rate() or days, or suppress the finding")
	}
	now.On = true
	if !often {
		now.Schedule, now.Interval = days(on.Params.Days), on.Params.Days
	}
	return now, nil
}

// writeRotation never rotates at once: whoever holds the value goes on with it
// until the schedule says otherwise.
func writeRotation(ctx context.Context, cfg aws.Config, on remedy.On[period], from, to rotation) (err error) {
	api, arn := secretsmanager.NewFromConfig(cfg), on.Expand(secret)
	if !to.On && (to.Schedule == from.Schedule || to.Schedule == "") {
		_, err = api.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &arn})
		return err
	}
	in := &secretsmanager.RotateSecretInput{SecretId: &arn, RotateImmediately: aws.Bool(false), RotationRules: rules(to), ClientRequestToken: &on.Call.Token}
	if from.Function != "" {
		in.RotationLambdaARN = &from.Function
	}
	_, err = api.RotateSecret(ctx, in) // turns it on; Secrets Manager sets a schedule no other way
	return err
}

func keepSchedule(_ remedy.On[period], c asr.Change) string {
	if c.Path[0] == "schedule" && string(c.From) == `""` {
		return "Secrets Manager keeps a schedule once there was one"
	}
	return ""
}

func days(n int64) string { return strconv.FormatInt(n, 10) + " days" }

func rules(r rotation) *types.RotationRulesType {
	out := &types.RotationRulesType{}
	if r.Window != "" {
		out.Duration = &r.Window
	}
	var n int64
	if _, err := fmt.Sscanf(r.Schedule, "%d days", &n); err == nil {
		out.AutomaticallyAfterDays = &n
	} else {
		out.ScheduleExpression = &r.Schedule
	}
	return out
}

func readRotation(ctx context.Context, cfg aws.Config, on remedy.On[period]) (r rotation, err error) {
	out, err := secretsmanager.NewFromConfig(cfg).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(on.Expand(secret))})
	if err != nil {
		return r, remedy.Gone(err, "ResourceNotFoundException")
	}
	if out.DeletedDate != nil { // nobody can read it any more
		return r, asr.ErrGone
	}
	at, err := remedy.AnsweredAt(out.ResultMetadata)
	if err != nil {
		return r, err
	}
	r = rotation{On: aws.ToBool(out.RotationEnabled), Function: aws.ToString(out.RotationLambdaARN), Interval: interval(out, at), Overdue: overdue(out, at)}
	if rules := out.RotationRules; rules != nil {
		r.Schedule, r.Window = aws.ToString(rules.ScheduleExpression), aws.ToString(rules.Duration)
		if r.Schedule == "" && rules.AutomaticallyAfterDays != nil {
			r.Schedule = days(*rules.AutomaticallyAfterDays)
		}
	}
	r.Refusal, r.Do = hindrance(out, on.Region)
	return r, nil
}

// hindrance says why rotation can't be changed here, and what to do.
func hindrance(s *secretsmanager.DescribeSecretOutput, region string) (why, do string) {
	primary := aws.ToString(s.PrimaryRegion)
	switch {
	case primary != "" && primary != region:
		return "the secret is a replica of one in " + primary + ", which it follows", "rotate the one in " + primary
	case aws.ToString(s.RotationLambdaARN) == "" && aws.ToString(s.OwningService) == "":
		return "nothing can rotate the secret: it has no rotation function", "set one up that knows what the secret opens (Secrets Manager has templates for databases), then plan again"
	case underWay(s):
		return "a rotation of the secret is under way, or was left half done", "wait for it, or mend the rotation function and rotate once, then plan again"
	}
	return "", ""
}

// underWay reports whether a version waits to become the current one.
func underWay(s *secretsmanager.DescribeSecretOutput) bool {
	for _, stages := range s.VersionIdsToStages {
		if slices.Contains(stages, "AWSPENDING") && !slices.Contains(stages, "AWSCURRENT") {
			return true
		}
	}
	return false
}

const day = 24 * time.Hour

var rate = regexp.MustCompile(`^rate\((\d+) (hour|day)s?\)$`)

// interval is the longest time between two rotations in days, 0 if nothing
// tells. For cron() AWS works it out after a rotation; before, the next date does.
func interval(s *secretsmanager.DescribeSecretOutput, at time.Time) int64 {
	if s.RotationRules == nil {
		return 0
	}
	if m := rate.FindStringSubmatch(aws.ToString(s.RotationRules.ScheduleExpression)); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64) // digits
		if m[2] == "hour" {
			n = (n + 23) / 24
		}
		return n
	}
	if n := aws.ToInt64(s.RotationRules.AutomaticallyAfterDays); n > 0 || s.NextRotationDate == nil {
		return n
	}
	since := at
	if s.LastRotatedDate != nil {
		since = *s.LastRotatedDate
	}
	return max(1, int64(s.NextRotationDate.Sub(since)/day))
}

// overdue reports whether a rotation was due more than a day ago and nothing
// has happened to the secret since.
func overdue(s *secretsmanager.DescribeSecretOutput, at time.Time) bool {
	if !aws.ToBool(s.RotationEnabled) || s.NextRotationDate == nil {
		return false
	}
	late := s.NextRotationDate.Add(day)
	return at.After(late) && (s.LastChangedDate == nil || s.LastChangedDate.Before(late))
}
