package cloudtrail

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3t "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

// in is a client for a Region, with all rights.
func in(acct *remedytest.Account, region string) *cloudtrail.Client {
	return cloudtrail.NewFromConfig(acct.Sandbox.Config(acct.ID, region))
}

// newTrail makes a trail as somebody else would; its logging is off.
func newTrail(t *testing.T, acct *remedytest.Account, region, name string, allRegions bool) string {
	t.Helper()
	bucket := "theirs-" + acct.ID
	_, err := s3.NewFromConfig(acct.Config).CreateBucket(t.Context(), &s3.CreateBucketInput{
		Bucket: &bucket, CreateBucketConfiguration: &s3t.CreateBucketConfiguration{LocationConstraint: s3t.BucketLocationConstraint(acct.Region)},
	})
	remedytest.Must(t, 0, remedy.Unless(err, "BucketAlreadyOwnedByYou"))
	out, err := in(acct, region).CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: &name, S3BucketName: &bucket, S3KeyPrefix: aws.String("x"), IsMultiRegionTrail: &allRegions})
	return *remedytest.Must(t, out, err).TrailARN
}

func TestLogValidation(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	here := newTrail(t, acct, acct.Region, "audit.log-1", false)
	far := newTrail(t, acct, "us-west-2", "far", true)
	view := func(arn string) remedytest.View {
		at := &remedytest.Account{ID: acct.ID, Region: strings.Split(arn, ":")[3], Sandbox: acct.Sandbox}
		return at.Boto("cloudtrail", "get_trail", map[string]any{"Name": arn}, "Trail").And(at.Boto("cloudtrail", "list_tags", map[string]any{"ResourceIdList": []string{arn}}, ""))
	}
	seen := []string{"get_trail.LogFileValidationEnabled: false → true"}
	remedytest.Lifecycle(t, acct, LogValidation, remedytest.Case{
		Name: "off", Control: "CloudTrail.4", Resource: here, Want: []string{"on: false → true"}, View: view(here), Seen: seen,
	}, remedytest.Case{
		Name: "others move the log meanwhile", Control: "CloudTrail.4", Resource: here, Want: []string{"on: false → true"}, View: view(here), Seen: seen,
		Meanwhile: func() {
			_, err := in(acct, acct.Region).UpdateTrail(t.Context(), &cloudtrail.UpdateTrailInput{Name: &here, S3KeyPrefix: aws.String("theirs")})
			remedytest.Must(t, 0, err)
		},
	}, remedytest.Case{
		Name: "a shadow: the trail lives in another Region", Control: "CloudTrail.4", Resource: acct.Expand(trail, "far"), Want: []string{"on: false → true"}, View: view(far), Seen: seen,
		Gone: func() {
			_, err := in(acct, "us-west-2").DeleteTrail(t.Context(), &cloudtrail.DeleteTrailInput{Name: aws.String("far")})
			remedytest.Must(t, 0, err)
		},
	})
	out, err := in(acct, acct.Region).GetTrail(t.Context(), &cloudtrail.GetTrailInput{Name: &here})
	if got := remedytest.Must(t, out, err).Trail; *got.S3KeyPrefix != "theirs" || *got.LogFileValidationEnabled {
		t.Errorf("undone, the prefix is %s and validation %t, want theirs and false", *got.S3KeyPrefix, *got.LogFileValidationEnabled)
	}
}

func TestTheHomeOfATrail(t *testing.T) {
	arn := func(region, account, name string) string {
		return "arn:aws:cloudtrail:" + region + ":" + account + ":trail/" + name
	}
	trails := []types.Trail{
		{Name: aws.String("audit"), HomeRegion: aws.String("us-east-1"), TrailARN: aws.String(arn("us-east-1", "999999999999", "audit"))},
		{Name: aws.String("org"), HomeRegion: aws.String("us-east-1"), TrailARN: aws.String(arn("us-east-1", "999999999999", "org"))},
		{Name: aws.String("audit"), HomeRegion: aws.String("eu-west-1"), TrailARN: aws.String(arn("eu-west-1", "111111111111", "audit"))},
		{Name: aws.String("far"), HomeRegion: aws.String("ap-south-1"), TrailARN: aws.String(arn("ap-south-1", "111111111111", "far"))},
	}
	for _, c := range []struct {
		name, id, want string // want: the ARN, or the error
		advice         string
	}{
		{name: "itself, though the organization has one of its name", id: "audit", want: arn("eu-west-1", "111111111111", "audit")},
		{name: "a shadow", id: "far", want: arn("ap-south-1", "111111111111", "far")},
		{name: "the organization's", id: "org", want: "the trail " + arn("us-east-1", "999999999999", "org") + " is the organization's, and account 999999999999 owns it", advice: "remediate it in account 999999999999"},
		{name: "none", id: "gone", want: asr.ErrGone.Error()},
	} {
		t.Run(c.name, func(t *testing.T) {
			target := asr.Target{Partition: "aws", Account: "111111111111", Region: "eu-west-1", Name: c.id, ID: arn("eu-west-1", "111111111111", c.id)}
			got, err := home(target, trails)
			switch {
			case err != nil && (err.Error() != c.want || asr.Advice(err) != c.advice):
				t.Errorf("got %v, advice %q; want %s, advice %q", err, asr.Advice(err), c.want, c.advice)
			case err == nil && (got.ID != c.want || got.ID != got.Expand(trail)):
				t.Errorf("got %+v, want %s", got, c.want)
			}
		})
	}
}

func TestTrailsOfEveryPartitionAreFoundByAllTheirNames(t *testing.T) {
	for id, region := range map[string]string{
		"arn:aws:cloudtrail:eu-west-1:111111111111:trail/a.b-c_1": "eu-west-1", "arn:aws-cn:cloudtrail:cn-north-1:111111111111:trail/abc": "cn-north-1", "arn:aws-us-gov:cloudtrail:us-gov-west-1:111111111111:trail/abc": "us-gov-west-1",
	} {
		got, err := LogValidation.Spec.Locate("111111111111", region, asr.Resource{ID: id})
		if err != nil || got.ID != id || got.Region != region {
			t.Errorf("%s: got %+v, %v", id, got, err)
		}
	}
}

func TestATrailOfAnotherAccountIsNotTouched(t *testing.T) {
	_, err := LogValidation.Spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: "arn:aws:cloudtrail:eu-west-1:999999999999:trail/org"})
	if asr.Classify(err) != asr.CodeBadTarget {
		t.Errorf("got %v, want bad_target", err)
	}
}

func TestValidationIsAllThatIsTouched(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		remedytest.Stable(t, LogValidation, remedy.On[none]{}, validation{rapid.Bool().Draw(t, "on")}, "on")
	})
}
