// Package cloudfront fixes CloudFront.
package cloudfront

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
)

type root struct {
	Object string `json:"object" doc:"Name of the object that is served for the root URL, as index.html or site/index.html, without a slash before it. Whether the origin has it is not looked at."`
}

// DefaultRootObject names the object that a distribution serves for its root
// URL. One that is named already stays.
var DefaultRootObject = remedy.Unit[root, root]{
	Spec: asr.Spec{
		ID: "cloudfront-default-root-object", Version: 1,
		Title:  "Name a default root object for CloudFront distributions",
		Impact: "A request for the distribution's root URL (/) is answered with the named object and not with what the origin says to /, such as a list of a bucket's objects. If the origin doesn't have the object, the request fails, which nobody can check beforehand: make sure that it is there. Other URLs are answered as before. It takes some minutes until all of CloudFront's locations know.",
		Risk:   asr.RiskMedium, RiskWhy: "if the origin doesn't have the object, or answers / by itself, visitors of the root URL see an error",
		Scope: asr.ScopeResource, Global: true, Resources: []string{distribution},
		Reads:   []asr.Grant{asr.Allow(distribution, "cloudfront:GetDistributionConfig")},
		Writes:  []asr.Grant{asr.Allow(distribution, "cloudfront:UpdateDistribution")},
		Implied: []asr.Grant{asr.Allow(webACL, "wafv2:GetWebACL")},
		Settle:  5 * time.Second,
	},
	Controls: map[string]root{"CloudFront.1": {"index.html"}},
	Validate: func(on remedy.On[root]) error {
		if !objectName.MatchString(on.Params.Object) {
			return fmt.Errorf("object is %q, and can be a name or path without a slash before it, of at most 255 characters", on.Params.Object)
		}
		return nil
	},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[root]) (root, error) {
		c, err := configOf(ctx, cfg, on.Target)
		if err != nil {
			return root{}, err
		}
		return root{c.root.value("DefaultRootObject")}, nil
	},
	Want: func(on remedy.On[root], now root) (root, error) {
		if now.Object != "" {
			return now, nil
		}
		return on.Params, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[root], _, to root) error {
		c, err := configOf(ctx, cfg, on.Target)
		if err != nil {
			return err
		}
		return c.update(ctx, cfg, on.Target, c.root.set("DefaultRootObject", to.Object))
	},
}

// objectName is what CloudFront takes:
// https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html
var objectName = regexp.MustCompile(`^[\w.*$~"'&-][\w.*$~"'&/-]{0,254}$`)
