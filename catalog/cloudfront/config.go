package cloudfront

import (
	"bytes"
	"context"
	"io"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

const (
	distribution = "arn:{partition}:cloudfront::{account}:distribution/{name}"
	// webACL is what CloudFront asks WAF for in our name when it takes a
	// configuration that names one: "Unable to verify read permissions on Web ACL".
	webACL = "arn:{partition}:wafv2:{region}:{account}:global/webacl/*/*"
)

// config is a distribution's configuration as CloudFront sends it. An update
// replaces all of it, and the SDK drops what it doesn't know yet, so it is
// edited in its own text and sent back otherwise as it came:
// https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_UpdateDistribution.html
type config struct {
	text  []byte
	root  *element
	etag  *string
	typed *types.DistributionConfig // what the SDK makes of it, for its own checks of an update
}

// configOf reads a distribution's configuration.
func configOf(ctx context.Context, cfg aws.Config, t asr.Target) (c config, err error) {
	keep := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, meta, err := next.HandleDeserialize(ctx, in)
		if answer, ok := out.RawResponse.(*smithyhttp.Response); ok && err == nil {
			c.text, err = io.ReadAll(answer.Body)
			_ = answer.Body.Close() // it was read to its end
			answer.Body = io.NopCloser(bytes.NewReader(c.text))
		}
		return out, meta, err
	}
	out, err := cloudfront.NewFromConfig(cfg).GetDistributionConfig(ctx, &cloudfront.GetDistributionConfigInput{Id: &t.Name}, func(o *cloudfront.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("keep the text", keep), middleware.After)
		})
	})
	if err != nil {
		return c, remedy.Gone(err, "NoSuchDistribution")
	}
	c.etag, c.typed = out.ETag, out.DistributionConfig
	c.root, err = parse(c.text)
	return c, err
}

// update sends the configuration with edits. If somebody changed it since it
// was read, it is read again.
func (c config) update(ctx context.Context, cfg aws.Config, t asr.Target, edits ...edit) error {
	replace := func(ctx context.Context, in middleware.SerializeInput, next middleware.SerializeHandler) (out middleware.SerializeOutput, meta middleware.Metadata, err error) {
		if request, ok := in.Request.(*smithyhttp.Request); ok {
			if in.Request, err = request.SetStream(bytes.NewReader(apply(c.text, edits))); err != nil {
				return out, meta, err
			}
		}
		return next.HandleSerialize(ctx, in)
	}
	_, err := cloudfront.NewFromConfig(cfg).UpdateDistribution(ctx, &cloudfront.UpdateDistributionInput{Id: &t.Name, IfMatch: c.etag, DistributionConfig: c.typed}, func(o *cloudfront.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
			return s.Serialize.Add(middleware.SerializeMiddlewareFunc("send the text", replace), middleware.After)
		})
	})
	if remedy.Is(err, "PreconditionFailed", "InvalidIfMatchVersion") {
		return asr.ErrSettling
	}
	return remedy.Gone(err, "NoSuchDistribution")
}
