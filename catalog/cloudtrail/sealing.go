package cloudtrail

import (
	"context"
	"fmt"

	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func readSealing(ctx context.Context, cfg aws.Config, on remedy.On[encryption]) (s sealing, err error) {
	out, err := cloudtrail.NewFromConfig(cfg).GetTrail(ctx, &cloudtrail.GetTrailInput{Name: &on.ID})
	if err != nil {
		return s, remedy.Gone(err, "TrailNotFoundException")
	}
	s.Key = aws.ToString(out.Trail.KmsKeyId)
	if keyARN.MatchString(on.Params.Key) {
		return s, nil
	}
	named, err := findKey(ctx, kms.NewFromConfig(cfg), on.Expand(alias))
	if err != nil {
		return s, err
	}
	if named != nil {
		if s.Named = on.Expand(alias); s.Key == aws.ToString(named.Arn) {
			s.Key = s.Named
		}
		s.Problem = unusable(*named)
	}
	switch {
	case s.Key != "":
		s.Problem = ""
	case aws.ToBool(out.Trail.IsOrganizationTrail):
		s.Problem = "the trail records for the whole organization, and its key must serve all accounts"
	case s.Problem == "":
		s.Problem, err = far(ctx, cfg, on, out.Trail.S3BucketName)
	}
	return s, err
}

// far says why a bucket is out of reach for a key of the trail's own account
// and Region, or "".
func far(ctx context.Context, cfg aws.Config, on remedy.On[encryption], bucket *string) (string, error) {
	out, err := s3.NewFromConfig(cfg).GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: bucket, ExpectedBucketOwner: &on.Account})
	switch {
	case remedy.Is(err, "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"): // asked in a Region that isn't its own
		return fmt.Sprintf("the trail's bucket %s isn't in %s, and the key must be where the bucket is", aws.ToString(bucket), on.Region), nil
	case remedy.Is(err, "AccessDenied", "NoSuchBucket"):
		return fmt.Sprintf("the trail's bucket %s isn't of account %s, or may not be looked at, and the key must be where the bucket is", aws.ToString(bucket), on.Account), nil
	case err != nil:
		return "", err
	}
	region := string(out.LocationConstraint)
	switch region { // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
	case "":
		region = "us-east-1"
	case "EU":
		region = "eu-west-1"
	}
	if region != on.Region {
		return fmt.Sprintf("the trail's bucket %s is in %s, and the key must be there too", aws.ToString(bucket), region), nil
	}
	return "", nil
}
