package s3

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

// logTarget sets where a bucket's log goes, "": nowhere.
func logTarget(t *testing.T, acct *remedytest.Account, name, target, prefix string) {
	t.Helper()
	status := &types.BucketLoggingStatus{}
	if target != "" {
		status.LoggingEnabled = &types.LoggingEnabled{TargetBucket: &target, TargetPrefix: &prefix}
	}
	_, err := s3.NewFromConfig(acct.Config).PutBucketLogging(t.Context(), &s3.PutBucketLoggingInput{Bucket: &name, BucketLoggingStatus: status})
	remedytest.Must(t, name, err)
}

// emptied deletes a bucket and all in it, if it is there.
func emptied(t *testing.T, acct *remedytest.Account, name string) {
	t.Helper()
	api := s3.NewFromConfig(acct.Config)
	objects, err := api.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &name})
	if remedy.Is(err, "NoSuchBucket") {
		return
	}
	for _, o := range remedytest.Must(t, objects, err).Contents {
		_, err := api.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &name, Key: o.Key})
		remedytest.Must(t, name, err)
	}
	deleted(t, acct, name)()
}

func TestAccessLogging(t *testing.T) {
	t.Parallel()
	accessLoggingLifecycle(t, remedytest.NewAccount(t))
}

func TestAccessLoggingUnderAnIAMThatIsEnforced(t *testing.T) {
	t.Parallel()
	accessLoggingLifecycle(t, remedytest.NewEnforcedAccount(t))
}

func accessLoggingLifecycle(t *testing.T, acct *remedytest.Account) {
	first, second, logs := newBucket(t, acct, "data"), newBucket(t, acct, "more"), "asr-access-logs-"+acct.ID+"-eu-west-1"
	putPolicy(t, acct, first, `{"Version":"2012-10-17","Statement":[`+allow("theirs")+`]}`)
	kept := "the log bucket holds logs"
	remedytest.Lifecycle(t, acct, AccessLogging, remedytest.Case{
		Name: "makes the log bucket", Control: "S3.9", Resource: acct.Expand(bucket, first), View: wholeBucket(acct, first),
		Want: []string{
			`bucket: "" → "arn:aws:s3:::` + logs + `"`, `delivery: false → true`, `prefix: "" → "` + first + `/"`, `private: false → true`, `target: "" → "` + logs + `"`,
		},
		Seen: []string{`get_bucket_logging: none → {"TargetBucket":"` + logs + `","TargetPrefix":"` + first + `/"}`},
		Made: []string{"arn:aws:s3:::" + logs},
		Left: []string{"bucket: " + kept, "delivery: " + kept, "private: " + kept},
		Seed: func() {
			logTarget(t, acct, first, "", "")
			emptied(t, acct, logs)
		},
	}, remedytest.Case{
		Name: "finds the log bucket; a bare name", Control: "S3.9", Resource: second, View: wholeBucket(acct, second),
		Want: []string{`prefix: "" → "` + second + `/"`, `target: "" → "` + logs + `"`},
		Seen: []string{`get_bucket_logging: none → {`},
		Seed: func() {
			logTarget(t, acct, second, "", "")
			h := remedytest.NewHarness(acct, AccessLogging) // makes the log bucket whole
			r, err := h.Request(t.Context(), remedytest.Case{Control: "S3.9", Resource: first}, false)
			r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
			remedytest.Must(t, r, err2)
		},
		Foreign: func() { logTarget(t, acct, second, logs, "theirs/") },
		Gone:    deleted(t, acct, second),
	})
}

func TestTheLogBucketIsNotLoggedToItself(t *testing.T) {
	on := remedy.On[logTo]{Target: asr.Target{Partition: "aws", Name: "logs"}, Params: logTo{"logs"}}
	if _, err := AccessLogging.Want(on, logging{}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestALogThatGoesSomewhereStaysThere(t *testing.T) {
	t.Parallel()
	on := remedy.On[logTo]{Target: asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: "data"}, Params: AccessLogging.Controls["S3.9"]}
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[logging]().Draw(t, "state")
		remedytest.Stable(t, AccessLogging, on, now, "bucket", "private", "delivery", "target", "prefix")
		to, err := AccessLogging.Want(on, now)
		if now.Target != "" && (err != nil || to != now) {
			t.Fatalf("%+v becomes %+v, %v", now, to, err)
		}
	})
}
