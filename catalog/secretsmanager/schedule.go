package secretsmanager

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
	Schedule string `json:"schedule"`         // "90 days", "rate(…)" or "cron(…)"; "": none yet
	Window   string `json:"window,omitempty"` // how long a rotation may take to begin, "3h"; "": what AWS has by default

	Cron     int64  `json:"cron,omitempty"`     // what a cron() comes to, in days; 0: not known
	Function string `json:"function,omitempty"` // the ARN of the function that rotates; "": AWS does it, or nobody
	Overdue  bool   `json:"overdue,omitempty"`  // the last rotation didn't come when it was due
	Refusal  string `json:"refusal,omitempty"`  // why rotation can't be set up or changed
	Do       string `json:"do,omitempty"`       // what to do about that
}

// Who sets rotation up must be allowed to invoke the function, whatever its
// name, but only through Secrets Manager:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
var rotationImplied = []asr.Grant{{
	On: "arn:{partition}:lambda:{region}:{account}:function:*", Actions: []string{"lambda:InvokeFunction"},
	When: map[string]map[string]string{"Bool": {"aws:ViaAWSService": "true"}},
}}

func validatePeriod(on remedy.On[period]) error {
	if d := on.Params.Days; d < 1 || d > 1000 { // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
		return errors.New("days must be from 1 to 1000")
	}
	return nil
}

// wantRotation turns rotation on, and makes the time between rotations shorter,
// never longer.
func wantRotation(on remedy.On[period], now rotation) (rotation, error) {
	every := now.every()
	often := every > 0 && every <= on.Params.Days
	switch {
	case now.On && often:
		return now, nil
	case now.Refusal != "":
		return now, asr.Refuse(now.Refusal, now.Do)
	case now.On && every == 0 && now.Schedule != "":
		return now, asr.Refuse("nothing tells yet how often "+now.Schedule+" rotates the secret", "wait for its next rotation, or give it days or a rate()")
	}
	now.On = true
	switch {
	case often:
	case now.Window != "": // a window goes with an expression
		now.Schedule = "rate(" + days(on.Params.Days) + ")"
	default:
		now.Schedule = days(on.Params.Days)
	}
	return now, nil
}

// writeRotation never rotates at once: whoever holds the value goes on with it
// until the schedule says otherwise.
func writeRotation(ctx context.Context, cfg aws.Config, on remedy.On[period], from, to rotation) (err error) {
	api, arn := secretsmanager.NewFromConfig(cfg), on.Expand(secret)
	switch {
	case from.On && !to.On: // first of all: rotation that fails must stop, and takes no schedule meanwhile
		_, err = api.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: &arn})
		return err
	case from.Refusal != "":
		return asr.Refuse(from.Refusal, from.Do)
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

func days(n int64) string {
	if n == 1 {
		return "1 day"
	}
	return strconv.FormatInt(n, 10) + " days"
}

func rules(r rotation) *types.RotationRulesType {
	out := &types.RotationRulesType{}
	if r.Window != "" {
		out.Duration = &r.Window
	}
	if strings.HasSuffix(r.Schedule, ")") {
		out.ScheduleExpression = &r.Schedule
	} else {
		out.AutomaticallyAfterDays = aws.Int64(r.every())
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
	r = rotation{On: aws.ToBool(out.RotationEnabled), Function: aws.ToString(out.RotationLambdaARN), Overdue: overdue(out, at)}
	if rules := out.RotationRules; rules != nil {
		r.Schedule, r.Window = aws.ToString(rules.ScheduleExpression), aws.ToString(rules.Duration)
		if r.Schedule == "" && rules.AutomaticallyAfterDays != nil {
			r.Schedule = days(*rules.AutomaticallyAfterDays)
		}
		if strings.HasPrefix(r.Schedule, "cron(") {
			r.Cron = cron(out, at)
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

var rate = regexp.MustCompile(`^(?:rate\()?(\d+) (hour|day)s?\)?$`) // "90 days" too

// every is the longest time between two rotations in days, 0 if nothing tells.
func (r rotation) every() int64 {
	m := rate.FindStringSubmatch(r.Schedule)
	if m == nil {
		return r.Cron
	}
	n, _ := strconv.ParseInt(m[1], 10, 64) // digits
	if m[2] == "hour" {
		n = (n + 23) / 24
	}
	return n
}

// cron is what a cron() comes to in days: AWS works it out after a rotation;
// before, the next date tells.
func cron(s *secretsmanager.DescribeSecretOutput, at time.Time) int64 {
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
