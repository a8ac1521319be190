package redshift

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"example.com/asr/sandbox"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/aws/aws-sdk-go-v2/service/redshift/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

// newBucket makes a bucket as somebody else would.
func newBucket(t *testing.T, acct *remedytest.Account, name string) {
	t.Helper()
	_, err := s3.NewFromConfig(acct.Config).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(acct.Region)}})
	remedytest.Must(t, 0, err)
}

func status(acct *remedytest.Account, name string) remedytest.View {
	return view(acct, name).And(acct.Boto("redshift", "describe_logging_status", map[string]any{"ClusterIdentifier": name}, ""))
}

func TestAuditLogging(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	first, second, third := newCluster(t, acct, "first", nil), newCluster(t, acct, "second", nil), newCluster(t, acct, "third", nil)
	logs, theirs := "asr-redshift-logs-"+acct.ID+"-eu-west-1", "theirs-"+acct.ID
	policy := `{"Version":"2012-10-17","Id":"x","Statement":[{"Sid":"Keep","Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::` + theirs + `/*"}]}`
	newBucket(t, acct, theirs)
	kept := "the log bucket holds logs"
	seen := []string{`describe_logging_status.BucketName: `, "describe_logging_status.LoggingEnabled: false → true", "describe_logging_status.LogDestinationType: ", "describe_logging_status.S3KeyPrefix: "}
	api := s3.NewFromConfig(acct.Config)
	if r := run(t, acct, AuditLogging, "Redshift.4", newCluster(t, acct, "before", nil), ""); r.State != asr.StateVerified {
		t.Fatalf("the first run ended %s: %+v", r.State, r.Error)
	}
	remedytest.Lifecycle(t, acct, AuditLogging, remedytest.Case{
		Name: "finds the log bucket", Control: "Redshift.4", Resource: second, Want: []string{`target: "" → "` + logs + `"`},
		View: status(acct, "second").And(acct.Boto("s3", "get_bucket_policy", map[string]any{"Bucket": logs}, "Policy")), Seen: seen,
		Foreign: func() {
			_, err := redshift.NewFromConfig(acct.Config).EnableLogging(t.Context(), &redshift.EnableLoggingInput{ClusterIdentifier: aws.String("second"), LogDestinationType: types.LogDestinationTypeCloudwatch, LogExports: []string{"userlog"}})
			remedytest.Must(t, 0, err)
		},
		Gone: drop(t, acct, "second"),
	}, remedytest.Case{
		Name: "makes the log bucket", Control: "Redshift.4", Resource: first, View: status(acct, "first"), Seen: seen,
		Seed: func() {
			_, err := api.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: &logs})
			remedytest.Must(t, 0, remedy.Unless(err, "NoSuchBucket"))
		},
		Want: []string{`bucket: "" → "arn:aws:s3:::` + logs + `"`, "delivery: false → true", "private: false → true", `target: "" → "` + logs + `"`},
		Made: []string{"arn:aws:s3:::" + logs},
		Left: []string{"bucket: " + kept, "delivery: " + kept, "private: " + kept},
	}, remedytest.Case{
		Name: "a bucket of the owner's, whose policy goes on", Control: "Redshift.4", Resource: third, Params: `{"bucket":"theirs-{account}"}`,
		Seed: func() {
			_, err := api.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: &theirs, Policy: &policy})
			remedytest.Must(t, 0, err)
			_, err = api.DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &theirs})
			remedytest.Must(t, 0, err)
		},
		View: acct.Boto("s3", "get_bucket_policy", map[string]any{"Bucket": theirs}, "Policy"),
		Want: []string{"delivery: false → true", "private: false → true", `target: "" → "` + theirs + `"`},
		Seen: []string{`Statement[]: none → {"Action":["s3:GetBucketAcl","s3:PutObject"]`, `Statement[]: none → {"Action":"s3:*"`},
		Left: []string{"delivery: " + kept, "private: " + kept},
	})
}

func TestALogThatGoesElsewhereIsAsGood(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	sales := newCluster(t, acct, "sales", nil)
	_, err := redshift.NewFromConfig(acct.Config).EnableLogging(t.Context(), &redshift.EnableLoggingInput{ClusterIdentifier: aws.String("sales"), LogDestinationType: types.LogDestinationTypeCloudwatch, LogExports: []string{"connectionlog"}})
	remedytest.Must(t, 0, err)
	other := remedytest.NewAccount(t)
	newBucket(t, other, "closed-"+other.ID) // not even looked at
	if r := run(t, acct, AuditLogging, "Redshift.4", sales, `{"bucket":"closed-`+other.ID+`"}`); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestWhereALogWentInFormerTimesDoesntCount(t *testing.T) {
	for want, s := range map[string]redshift.DescribeLoggingStatusOutput{
		"":           {LoggingEnabled: aws.Bool(false), BucketName: aws.String("logs"), LogDestinationType: types.LogDestinationTypeS3},
		"logs":       {LoggingEnabled: aws.Bool(true), BucketName: aws.String("logs")},
		"cloudwatch": {LoggingEnabled: aws.Bool(true), LogDestinationType: types.LogDestinationTypeCloudwatch},
	} {
		if got := target(&s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestABucketOfAnotherAccountIsRefused(t *testing.T) {
	t.Parallel()
	acct, other := remedytest.NewAccount(t), remedytest.NewAccount(t)
	newBucket(t, other, "theirs-"+other.ID)
	refused(t, run(t, acct, AuditLogging, "Redshift.4", newCluster(t, acct, "sales", nil), `{"bucket":"theirs-`+other.ID+`"}`), "another account")
}

func TestARunWithoutABucketNeverEndsAsASuccess(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	defer acct.Sandbox.Fault(sandbox.Fault{Service: "s3", Operation: "CreateBucket", Account: acct.ID, Code: "TooManyBuckets"})()
	if r := run(t, acct, AuditLogging, "Redshift.4", newCluster(t, acct, "sales", nil), ""); r.State != asr.StateFailed || r.Error == nil || r.Error.Do == "" {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestABucketThatRedshiftCantWriteToYetIsTriedAgain(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, "sales", nil)
	newBucket(t, acct, "plain-"+acct.ID)
	for bucket, want := range map[string]asr.Code{"plain-" + acct.ID: asr.CodeUnavailable, "nobodys-" + acct.ID: asr.CodeUnavailable} {
		at := logging{Bucket: "b", Private: true, Delivery: true}
		to := at
		to.Target = bucket
		err := AuditLogging.Write(t.Context(), acct.Config, remedy.On[logTo]{Target: asr.Target{Name: "sales"}}, at, to)
		if asr.Classify(err) != want || asr.Advice(err) == "" {
			t.Errorf("%s: %v, want %s", bucket, err, want)
		}
	}
}

func TestRedshiftHasANameOfItsOwnInRegionsThatMustBeEnabled(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "redshift.amazonaws.com", "eu-north-1": "redshift.amazonaws.com", "ap-northeast-3": "redshift.amazonaws.com",
		"ap-east-1": "redshift.ap-east-1.amazonaws.com", "me-central-1": "redshift.me-central-1.amazonaws.com", "eu-central-2": "redshift.eu-central-2.amazonaws.com",
		"cn-north-1": "redshift.amazonaws.com", "us-gov-east-1": "redshift.amazonaws.com",
	} {
		if got := deliverer(asr.Target{Partition: asr.Partition(region), Region: region}); got != want {
			t.Errorf("%s: %s, want %s", region, got, want)
		}
	}
}

func TestTheDeliveryPolicyNamesThePartitionAndTheAccountOnly(t *testing.T) {
	on := remedy.On[logTo]{Target: asr.Target{Partition: "aws-us-gov", Account: "111111111111", Region: "us-gov-west-1", Name: "sales"}, Params: logTo{"logs-{account}"}}
	doc := remedy.Document{"Statement": []any{ourBucket(on).Policy[0]}}.Text()
	const want = `{"Statement":[{"Action":["s3:GetBucketAcl","s3:PutObject"],"Condition":{"StringEquals":{"aws:SourceAccount":"111111111111"}},"Effect":"Allow",` +
		`"Principal":{"Service":"redshift.amazonaws.com"},"Resource":["arn:aws-us-gov:s3:::logs-111111111111","arn:aws-us-gov:s3:::logs-111111111111/*"],"Sid":"RedshiftAuditLogDelivery"}]}`
	if doc != want {
		t.Errorf("got %s", doc)
	}
}

func TestLoggingThatIsOnIsNeverTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := logging{
			Private: rapid.Bool().Draw(t, "private"), Delivery: rapid.Bool().Draw(t, "delivery"),
			Bucket: rapid.SampledFrom([]string{"", "arn:aws:s3:::logs"}).Draw(t, "bucket"), Target: rapid.SampledFrom([]string{"", "cloudwatch", "logs", "theirs"}).Draw(t, "target"),
			Refusal: rapid.SampledFrom([]string{"", "paused"}).Draw(t, "refusal"),
		}
		on := remedy.On[logTo]{Target: asr.Target{Partition: "aws", Name: "sales"}, Params: logTo{"logs"}}
		remedytest.Stable(t, AuditLogging, on, now, "bucket", "private", "delivery", "target")
		got, err := AuditLogging.Want(on, now)
		if refused := err != nil; refused != (now.Target == "" && now.Refusal != "") || !refused && (got.Target == "" || now.Target != "" && got != now) {
			t.Fatalf("%+v becomes %+v: %v", now, got, err)
		}
	})
}
