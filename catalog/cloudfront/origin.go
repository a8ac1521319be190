package cloudfront

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// nowhere is a name that no DNS server knows, ever: https://www.rfc-editor.org/rfc/rfc6761#section-6.5
const nowhere = "missing-bucket.example"

// unreachable is the configuration of an origin that leads nowhere: what
// CloudFront has by default, and nothing that another control finds fault with.
const unreachable = "<CustomOriginConfig><HTTPPort>80</HTTPPort><HTTPSPort>443</HTTPSPort><OriginProtocolPolicy>https-only</OriginProtocolPolicy>" +
	"<OriginSslProtocols><Quantity>1</Quantity><Items><SslProtocol>TLSv1.2</SslProtocol></Items></OriginSslProtocols>" +
	"<OriginReadTimeout>30</OriginReadTimeout><OriginKeepaliveTimeout>5</OriginKeepaliveTimeout></CustomOriginConfig>"

// bucketDomain is where a bucket answers, as itself or as a website. Access
// points and the like have other names:
// https://docs.aws.amazon.com/general/latest/gr/s3.html
var bucketDomain = regexp.MustCompile(`^([a-z0-9][a-z0-9.-]+[a-z0-9])\.s3(?:-website|-fips|-accelerate)?(?:\.dualstack)?(?:[.-]([a-z]{2,}(?:-[a-z]+)+-\d+))?\.amazonaws\.com(\.cn)?$`)

// bucketOf is the bucket that a domain name stands for, "" if it is none that
// anybody in the partition could make.
func bucketOf(partition, domain string) string {
	m := bucketDomain.FindStringSubmatch(strings.ToLower(domain))
	switch {
	case m == nil,
		(m[3] != "") != (partition == "aws-cn"),
		m[2] != "" && asr.Partition(m[2]) != partition,
		strings.HasSuffix(m[1], "-s3alias"), strings.HasSuffix(m[1], "--ol-s3"): // aliases of access points
		return ""
	}
	return m[1]
}

// isMissing asks S3 for a bucket. Any answer but that there is none means that
// somebody has the name, in whatever account and Region.
func isMissing(ctx context.Context, api *s3.Client, bucket string) (bool, error) {
	_, err := api.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: &bucket})
	if remedy.Is(err, "NoSuchBucket") {
		return true, nil
	}
	return false, remedy.Unless(err, "AccessDenied", "AllAccessDisabled", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
}

// origins are the configuration's, of whatever kind.
func (c config) origins() []*element {
	if items := c.root.at("Origins", "Items"); items != nil {
		return items.children
	}
	return nil
}

// relied are the first origins of origin groups that go over to the second on
// 404 and not on 502, which is what a name that nobody knows gives:
// https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/high_availability_origin_failover.html
func (c config) relied() map[string]string {
	relied := map[string]string{}
	groups := c.root.at("OriginGroups", "Items")
	if groups == nil {
		return relied
	}
	for _, g := range groups.children {
		on := func(status string) bool {
			codes := g.at("FailoverCriteria", "StatusCodes", "Items")
			return codes != nil && slices.ContainsFunc(codes.children, func(e *element) bool { return e.value() == status })
		}
		if on("404") && !on("502") {
			relied[g.value("Members", "Items", "OriginGroupMember", "OriginId")] = g.value("Id")
		}
	}
	return relied
}

// markup is an element as it stands in the text, "" if there is none.
func (c config) markup(e *element) string {
	if e == nil {
		return ""
	}
	return string(c.text[e.start:e.end])
}

// become edits an origin so that it is as o says. An origin has one kind of
// configuration, and an access control of S3's goes with S3's.
func (e *element) become(o origin) []edit {
	edits := []edit{e.set("DomainName", o.Domain)}
	if e.value("OriginAccessControlId") != o.Access {
		edits = append(edits, e.set("OriginAccessControlId", o.Access))
	}
	switch isS3 := e.at("S3OriginConfig") != nil; {
	case isS3 && o.Config == "":
		edits = append(edits, e.put("S3OriginConfig", unreachable))
	case isS3:
		edits = append(edits, e.put("S3OriginConfig", o.Config))
	case o.Config != "":
		edits = append(edits, e.put("CustomOriginConfig", o.Config))
	}
	return edits
}
