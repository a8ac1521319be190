package cloudfront

import (
	"context"
	"maps"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

type none struct{}

// origin is what makes an origin one of S3. All else of it stays.
type origin struct {
	Domain string `json:"domain"`
	Access string `json:"access"` // origin access control
	Config string `json:"config"` // its S3OriginConfig, as CloudFront has it; "": a custom origin, such as a bucket's website
}

type s3Origins struct {
	Missing map[string]bool   `json:"missing"` // buckets that origins name and nobody has
	Origins map[string]origin `json:"origins"` // by id: those of S3, and those that lead nowhere
	Relied  map[string]string `json:"relied"`  // by id of the first origin: the origin group that goes over to the second on its 404, but wouldn't on 502
}

// NoMissingS3Origin takes origins off buckets that don't exist.
//
// Nothing is taken out of the distribution: a function may choose an origin
// that no behaviour names. It isn't disabled either: its other origins answer
// as before, and requests to this one fail already.
var NoMissingS3Origin = remedy.Unit[none, s3Origins]{
	Spec: asr.Spec{
		ID: "cloudfront-no-missing-s3-origin", Version: 1,
		Title: "Take CloudFront origins off S3 buckets that don't exist",
		Impact: "Each origin whose bucket doesn't exist leads to " + nowhere + " instead, a name that nobody can register: who registers the bucket's name can't serve content as yours any more. The distribution stays enabled and all other origins answer as before. Requests that are sent to the missing bucket fail as before, but with status 502 and not 404, so that an error page for 404 isn't shown for them. It is refused where an origin group relies on that 404. " +
			"To keep the origin, make the bucket in an account of yours instead. To put it back, make the bucket first and undo then: undo alone brings the danger back.",
		Risk: asr.RiskMedium, RiskWhy: "requests to the missing bucket, which fail anyhow, fail in another way; a page that relies on its 404 changes",
		Scope: asr.ScopeResource, Global: true, Resources: []string{distribution},
		Reads: []asr.Grant{
			asr.Allow(distribution, "cloudfront:GetDistributionConfig"),
			asr.Allow("arn:{partition}:s3:::*", "s3:GetBucketLocation"), // which buckets, only the distribution tells
		},
		Writes:  []asr.Grant{asr.Allow(distribution, "cloudfront:UpdateDistribution")},
		Implied: []asr.Grant{asr.Allow(webACL, "wafv2:GetWebACL")},
		Settle:  5 * time.Second,
	},
	Controls: map[string]none{"CloudFront.12": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (s3Origins, error) {
		c, err := configOf(ctx, cfg, on.Target)
		if err != nil {
			return s3Origins{}, err
		}
		now, api := s3Origins{map[string]bool{}, map[string]origin{}, c.relied()}, s3.NewFromConfig(cfg)
		for _, o := range c.origins() {
			domain := o.value("DomainName")
			bucket := bucketOf(on.Partition, domain)
			if bucket == "" && domain != nowhere {
				continue
			}
			if bucket != "" {
				if missing, err := isMissing(ctx, api, bucket); err != nil {
					return now, err
				} else if missing {
					now.Missing[bucket] = true
				}
			}
			now.Origins[o.value("Id")] = origin{domain, o.value("OriginAccessControlId"), c.markup(o.at("S3OriginConfig"))}
		}
		return now, nil
	},
	Want: func(on remedy.On[none], now s3Origins) (s3Origins, error) {
		to := s3Origins{now.Missing, maps.Clone(now.Origins), now.Relied}
		for id, o := range now.Origins {
			if !now.Missing[bucketOf(on.Partition, o.Domain)] {
				continue
			}
			if group := now.Relied[id]; group != "" {
				return now, asr.Refuse("origin group "+group+" goes over to its second origin when the missing bucket of "+id+" answers 404, and would not on 502",
					"add 502 to the group's status codes, take the origin out of the group, or make the bucket; then plan again")
			}
			to.Origins[id] = origin{Domain: nowhere}
		}
		return to, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to s3Origins) error {
		c, err := configOf(ctx, cfg, on.Target)
		if err != nil {
			return err
		}
		var edits []edit
		for _, o := range c.origins() {
			id := o.value("Id")
			if to, ours := to.Origins[id]; ours && to != from.Origins[id] {
				edits = append(edits, o.become(to)...)
			}
		}
		return c.update(ctx, cfg, on.Target, edits...)
	},
}
