package cloudfront

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// originAt is an origin with settings of its own: of S3 without custom.
func originAt(id, domain string, custom bool) types.Origin {
	o := types.Origin{
		Id: &id, DomainName: &domain, OriginPath: aws.String("/site"), ConnectionAttempts: aws.Int32(2), ConnectionTimeout: aws.Int32(7), OriginAccessControlId: aws.String(""),
		CustomHeaders: &types.CustomHeaders{Quantity: aws.Int32(1), Items: []types.OriginCustomHeader{{HeaderName: aws.String("X-Secret"), HeaderValue: aws.String("s3cr&t")}}},
		OriginShield:  &types.OriginShield{Enabled: aws.Bool(true), OriginShieldRegion: aws.String("eu-west-1")},
	}
	if custom {
		o.CustomOriginConfig = &types.CustomOriginConfig{HTTPPort: aws.Int32(8080), HTTPSPort: aws.Int32(8443), OriginProtocolPolicy: types.OriginProtocolPolicyHttpOnly, OriginReadTimeout: aws.Int32(11), OriginKeepaliveTimeout: aws.Int32(12), OriginSslProtocols: &types.OriginSslProtocols{Quantity: aws.Int32(1), Items: []types.SslProtocol{types.SslProtocolTLSv12}}}
	} else {
		o.S3OriginConfig = &types.S3OriginConfig{OriginAccessIdentity: aws.String("origin-access-identity/cloudfront/E1ABC")}
	}
	return o
}

// newDistribution makes a distribution with settings of its own and returns its id.
func newDistribution(t *testing.T, acct *remedytest.Account, object string, origins ...types.Origin) string {
	first, n := origins[0].Id, aws.Int32(int32(len(origins)))
	ttl := &types.ForwardedValues{QueryString: aws.Bool(true), Cookies: &types.CookiePreference{Forward: types.ItemSelectionAll}}
	made, err := cloudfront.NewFromConfig(acct.Config).CreateDistributionWithTags(t.Context(), &cloudfront.CreateDistributionWithTagsInput{DistributionConfigWithTags: &types.DistributionConfigWithTags{
		Tags: &types.Tags{Items: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}}},
		DistributionConfig: &types.DistributionConfig{
			CallerReference: aws.String(t.Name() + object + *origins[0].DomainName), Comment: aws.String("ours & <theirs>"), Enabled: aws.Bool(true), DefaultRootObject: &object,
			Aliases: &types.Aliases{Quantity: aws.Int32(1), Items: []string{"www.example.com"}}, Origins: &types.Origins{Quantity: n, Items: origins},
			DefaultCacheBehavior: &types.DefaultCacheBehavior{TargetOriginId: first, ViewerProtocolPolicy: types.ViewerProtocolPolicyRedirectToHttps, ForwardedValues: ttl, MinTTL: aws.Int64(5),
				FunctionAssociations: &types.FunctionAssociations{Quantity: aws.Int32(1), Items: []types.FunctionAssociation{{EventType: types.EventTypeViewerRequest, FunctionARN: aws.String("arn:aws:cloudfront::111111111111:function/choose")}}}},
			CacheBehaviors:       &types.CacheBehaviors{Quantity: aws.Int32(1), Items: []types.CacheBehavior{{PathPattern: aws.String("img/*"), TargetOriginId: first, ViewerProtocolPolicy: types.ViewerProtocolPolicyHttpsOnly, ForwardedValues: ttl, MinTTL: aws.Int64(6)}}},
			CustomErrorResponses: &types.CustomErrorResponses{Quantity: aws.Int32(1), Items: []types.CustomErrorResponse{{ErrorCode: aws.Int32(404), ResponseCode: aws.String("200"), ResponsePagePath: aws.String("/index.html")}}},
			PriceClass:           types.PriceClassPriceClass100, WebACLId: aws.String("arn:aws:wafv2:us-east-1:111111111111:global/webacl/a/b"),
		},
	}})
	return *remedytest.Must(t, made, err).Distribution.Id
}

func see(acct *remedytest.Account, id string) remedytest.View {
	return acct.Boto("cloudfront", "get_distribution_config", map[string]any{"Id": id}, "DistributionConfig").
		And(acct.Boto("cloudfront", "list_tags_for_resource", map[string]any{"Resource": acct.Expand(distribution, id)}, "Tags"))
}

// change edits a distribution as somebody else does.
func change(t *testing.T, acct *remedytest.Account, id string, f func(*types.DistributionConfig)) func() {
	return func() {
		api := cloudfront.NewFromConfig(acct.Config)
		out, err := api.GetDistributionConfig(t.Context(), &cloudfront.GetDistributionConfigInput{Id: &id})
		c := remedytest.Must(t, out, err).DistributionConfig
		f(c)
		done, err := api.UpdateDistribution(t.Context(), &cloudfront.UpdateDistributionInput{Id: &id, IfMatch: out.ETag, DistributionConfig: c})
		remedytest.Must(t, done, err)
	}
}

func deleteDistribution(t *testing.T, acct *remedytest.Account, id string) func() {
	return func() {
		change(t, acct, id, func(c *types.DistributionConfig) { c.Enabled = aws.Bool(false) })()
		api := cloudfront.NewFromConfig(acct.Config)
		out, err := api.GetDistribution(t.Context(), &cloudfront.GetDistributionInput{Id: &id})
		_, err2 := api.DeleteDistribution(t.Context(), &cloudfront.DeleteDistributionInput{Id: &id, IfMatch: remedytest.Must(t, out, err).ETag})
		remedytest.Must(t, 0, err2)
	}
}

func newBucket(t *testing.T, acct *remedytest.Account, name string) {
	out, err := s3.NewFromConfig(acct.Config).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(acct.Region)}})
	remedytest.Must(t, out, err)
}

func target(acct *remedytest.Account, id string) asr.Target {
	return asr.Target{Partition: "aws", Account: acct.ID, Region: "us-east-1", Name: id}
}

// run asks for a fix and drives it to its end.
func run[P, S any](t *testing.T, acct *remedytest.Account, u remedy.Unit[P, S], c remedytest.Case) (*remedytest.Harness, asr.Run) {
	h := remedytest.NewHarness(acct, u)
	return h, h.End(t, c)
}
