package cloudfront

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"pgregory.net/rapid"
)

const identity = `<S3OriginConfig><OriginAccessIdentity>origin-access-identity/cloudfront/E1ABC</OriginAccessIdentity></S3OriginConfig>`

func TestOtherOriginsAreCheckedToo(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	there, gone := "there-"+acct.ID, "gone-"+acct.ID
	newBucket(t, acct, there)
	first := newDistribution(t, acct, "", originAt("lost", gone+".s3.amazonaws.com", false), originAt("api", "origin.example.com", true))
	second := newDistribution(t, acct, "", originAt("good", there+".s3.eu-west-1.amazonaws.com", false), originAt("api", "origin.example.com", true),
		originAt("lost", gone+".s3.eu-central-1.amazonaws.com", false), originAt("site", gone+".s3-website-eu-west-1.amazonaws.com", true))
	remedytest.Lifecycle(t, acct, NoMissingS3Origin, remedytest.Case{
		Name: "the first origin, which behaviours use", Control: "CloudFront.12", Resource: acct.Expand(distribution, first),
		Want: []string{`origins.lost.config: "` + identity + `" → ""`, `origins.lost.domain: "` + gone + `.s3.amazonaws.com" → "missing-bucket.example"`},
		View: see(acct, first), Seen: moved(shown("lost", gone+".s3.amazonaws.com", "", s3Shown), shown("lost", nowhere, nowhereShown, "")),
	}, remedytest.Case{
		Name: "the third and a website", Control: "CloudFront.12", Resource: acct.Expand(distribution, second),
		Want: []string{
			`origins.lost.config: "` + identity + `" → ""`, `origins.lost.domain: "` + gone + `.s3.eu-central-1.amazonaws.com" → "missing-bucket.example"`,
			`origins.site.domain: "` + gone + `.s3-website-eu-west-1.amazonaws.com" → "missing-bucket.example"`,
		},
		View: see(acct, second), Seen: append(
			moved(shown("lost", gone+".s3.eu-central-1.amazonaws.com", "", s3Shown), shown("lost", nowhere, nowhereShown, "")),
			moved(shown("site", gone+".s3-website-eu-west-1.amazonaws.com", webShown, ""), shown("site", nowhere, webShown, ""))...),
	}, remedytest.Case{
		Name: "others change another setting, then the origin", Control: "CloudFront.12", Resource: acct.Expand(distribution, first),
		Want:      []string{`origins.lost.config: "` + identity + `" → ""`, `origins.lost.domain: "` + gone + `.s3.amazonaws.com" → "missing-bucket.example"`},
		Meanwhile: change(t, acct, first, func(c *types.DistributionConfig) { c.Origins.Items[0].OriginPath = aws.String("/new") }),
		Foreign: change(t, acct, first, func(c *types.DistributionConfig) {
			c.Origins.Items[0].DomainName, c.Origins.Items[0].CustomOriginConfig = aws.String(there+".s3.amazonaws.com"), nil
			c.Origins.Items[0].S3OriginConfig = &types.S3OriginConfig{OriginAccessIdentity: aws.String("")}
		}),
		Gone: deleteDistribution(t, acct, first),
	})
}

const (
	s3Shown      = `,"S3OriginConfig":{"OriginAccessIdentity":"origin-access-identity/cloudfront/E1ABC"}`
	webShown     = `"CustomOriginConfig":{"HTTPPort":8080,"HTTPSPort":8443,"OriginKeepaliveTimeout":12,"OriginProtocolPolicy":"http-only","OriginReadTimeout":11,"OriginSslProtocols":{"Items":["TLSv1.2"],"Quantity":1}},`
	nowhereShown = `"CustomOriginConfig":{"HTTPPort":80,"HTTPSPort":443,"OriginKeepaliveTimeout":5,"OriginProtocolPolicy":"https-only","OriginReadTimeout":30,"OriginSslProtocols":{"Items":["TLSv1.2"],"Quantity":1}},`
)

// shown is a whole origin of originAt as boto3 shows it.
func shown(id, domain, custom, s3 string) string {
	return `{"ConnectionAttempts":2,"ConnectionTimeout":7,"CustomHeaders":{"Items":[{"HeaderName":"X-Secret","HeaderValue":"s3cr&t"}],"Quantity":1},` + custom + `"DomainName":"` + domain + `","Id":"` + id +
		`","OriginAccessControlId":"","OriginPath":"/site","OriginShield":{"Enabled":true,"OriginShieldRegion":"eu-west-1"}` + s3 + `}`
}

// moved is how a list of origins shows that one changed: as it was and as it is.
func moved(was, is string) []string {
	return []string{"get_distribution_config.Origins.Items[]: " + was + " → none", "get_distribution_config.Origins.Items[]: none → " + is}
}

func TestTheDistributionStaysEnabledAndOnlyTheOriginLeadsElsewhere(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api, domain := cloudfront.NewFromConfig(acct.Config), "gone-"+acct.ID+".s3.amazonaws.com"
	access, err := api.CreateOriginAccessControl(t.Context(), &cloudfront.CreateOriginAccessControlInput{OriginAccessControlConfig: &types.OriginAccessControlConfig{
		Name: aws.String("oac"), OriginAccessControlOriginType: types.OriginAccessControlOriginTypesS3, SigningBehavior: types.OriginAccessControlSigningBehaviorsAlways, SigningProtocol: types.OriginAccessControlSigningProtocolsSigv4,
	}})
	oac := *remedytest.Must(t, access, err).OriginAccessControl.Id
	lost := originAt("lost", domain, false)
	lost.OriginAccessControlId, lost.S3OriginConfig.OriginAccessIdentity = &oac, aws.String("")
	id := newDistribution(t, acct, "index.html", lost)
	read := func() string {
		c, err := configOf(t.Context(), acct.Config, target(acct, id))
		return string(remedytest.Must(t, c, err).text)
	}
	before := read()
	h, r := run(t, acct, NoMissingS3Origin, remedytest.Case{Control: "CloudFront.12", Resource: acct.Expand(distribution, id)})
	want := strings.NewReplacer(
		"<DomainName>"+domain+"</DomainName>", "<DomainName>missing-bucket.example</DomainName>",
		"<OriginAccessControlId>"+oac+"</OriginAccessControlId>", "<OriginAccessControlId></OriginAccessControlId>",
		"<S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity></S3OriginConfig>", unreachable,
	).Replace(before)
	if r.State != asr.StateVerified || read() != want {
		t.Fatalf("the run ended %s: %+v\n%s\nwant\n%s", r.State, r.Error, read(), want)
	}
	newBucket(t, acct, "gone-"+acct.ID) // as the impact advises before undo
	asked, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, asked, err)
	if r, err = h.Drive(t.Context(), r.ID); err != nil || r.State != asr.StateReverted || read() != before {
		t.Errorf("undo ended %s: %+v %v\n%s\nwant\n%s", r.State, r.Undo, err, read(), before)
	}
}

func TestAnAccessControlOfS3GoesWithItsBucketAndComesBackWithIt(t *testing.T) {
	t.Parallel()
	const was = "<Origin><Id>a</Id><DomainName>b.s3.amazonaws.com</DomainName><S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity><OriginReadTimeout>30</OriginReadTimeout></S3OriginConfig><OriginAccessControlId>E1</OriginAccessControlId></Origin>"
	edited := func(text string, to origin) string {
		e, err := parse([]byte(text))
		return string(apply([]byte(text), remedytest.Must(t, e, err).become(to)))
	}
	got := edited(was, origin{Domain: nowhere})
	if want := "<Origin><Id>a</Id><DomainName>" + nowhere + "</DomainName>" + unreachable + "<OriginAccessControlId></OriginAccessControlId></Origin>"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	back := origin{"b.s3.amazonaws.com", "E1", "<S3OriginConfig><OriginAccessIdentity></OriginAccessIdentity><OriginReadTimeout>30</OriginReadTimeout></S3OriginConfig>"}
	if got = edited(got, back); got != was {
		t.Errorf("back: got  %s\nwant %s", got, was)
	}
}

func TestABucketThatSomebodyHasIsNotMissing(t *testing.T) {
	t.Parallel()
	acct, other := remedytest.NewAccount(t), remedytest.NewAccount(t)
	newBucket(t, acct, "mine-"+acct.ID)
	newBucket(t, other, "theirs-"+acct.ID)
	id := newDistribution(t, acct, "", originAt("a", "mine-"+acct.ID+".s3.us-west-2.amazonaws.com", false), originAt("b", "theirs-"+acct.ID+".s3.amazonaws.com", false), originAt("c", "origin.example.com", true))
	if _, r := run(t, acct, NoMissingS3Origin, remedytest.Case{Control: "CloudFront.12", Resource: acct.Expand(distribution, id)}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v %+v", r.State, r.Error, r.Plan)
	}
}

func TestAnOriginThatAGroupGoesOverFromOn404IsRefused(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDistribution(t, acct, "", originAt("lost", "gone-"+acct.ID+".s3.amazonaws.com", false), originAt("second", "origin.example.com", true))
	failover := func(codes ...int32) {
		change(t, acct, id, func(c *types.DistributionConfig) {
			c.OriginGroups = &types.OriginGroups{Quantity: aws.Int32(1), Items: []types.OriginGroup{{
				Id:               aws.String("both"),
				FailoverCriteria: &types.OriginGroupFailoverCriteria{StatusCodes: &types.StatusCodes{Quantity: aws.Int32(int32(len(codes))), Items: codes}},
				Members:          &types.OriginGroupMembers{Quantity: aws.Int32(2), Items: []types.OriginGroupMember{{OriginId: aws.String("lost")}, {OriginId: aws.String("second")}}},
			}}}
		})()
	}
	for _, test := range []struct {
		codes []int32
		want  asr.State
	}{{[]int32{403, 404}, asr.StateCannotPlan}, {[]int32{404, 500, 502}, asr.StateVerified}} {
		failover(test.codes...)
		_, r := run(t, acct, NoMissingS3Origin, remedytest.Case{Control: "CloudFront.12", Resource: acct.Expand(distribution, id)})
		if r.State != test.want || test.want == asr.StateCannotPlan && (r.Error.Code != asr.CodeRefused || r.Error.Do == "") {
			t.Errorf("with failover on %v the run ended %s: %+v", test.codes, r.State, r.Error)
		}
	}
}

func TestWhichDomainsAreBuckets(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]string{
		"b-1.s3.amazonaws.com": "b-1", "My.B.S3.amazonaws.com": "my.b", "b1x.s3.us-west-2.amazonaws.com": "b1x", "b1x.s3-us-west-2.amazonaws.com": "b1x", "b1x.s3.dualstack.eu-west-1.amazonaws.com": "b1x",
		"b1x.s3-website-eu-west-1.amazonaws.com": "b1x", "b1x.s3-website.eu-central-1.amazonaws.com": "b1x", "b1x.s3-accelerate.amazonaws.com": "b1x", "b1x.s3-fips.us-east-1.amazonaws.com": "b1x",
		"example.com": "", "s3.amazonaws.com": "", "b1x.s3.us-gov-west-1.amazonaws.com": "", "b1x.s3.cn-north-1.amazonaws.com.cn": "", "x.mrap.accesspoint.s3-global.amazonaws.com": "",
		"ap-111111111111.s3-accesspoint.eu-west-1.amazonaws.com": "", "ap-xyz-s3alias.s3.eu-west-1.amazonaws.com": "", "ap-xyz--ol-s3.s3.eu-west-1.amazonaws.com": "", nowhere: "",
		"abc.lambda-url.eu-west-1.on.aws": "", "b1x.s3.amazonaws.com.evil.example": "",
	} {
		if got := bucketOf("aws", domain); got != want {
			t.Errorf("%s is %q, want %q", domain, got, want)
		}
	}
	if got := bucketOf("aws-cn", "b1x.s3.cn-north-1.amazonaws.com.cn"); got != "b1x" {
		t.Errorf("in China: %q", got)
	}
	if got := bucketOf("aws-cn", "b1x.s3.amazonaws.com"); got != "" {
		t.Errorf("from China: %q", got)
	}
}

func TestOnlyOriginsOfMissingBucketsMove(t *testing.T) {
	t.Parallel()
	on := remedy.On[none]{Target: asr.Target{Partition: "aws"}}
	rapid.Check(t, func(t *rapid.T) {
		domain := rapid.SampledFrom([]string{"aaa.s3.amazonaws.com", "bbb.s3.eu-west-1.amazonaws.com", "aaa.s3-website-eu-west-1.amazonaws.com", nowhere})
		now := s3Origins{map[string]bool{}, map[string]origin{}, nil}
		for _, bucket := range []string{"aaa", "bbb"} {
			now.Missing[bucket] = rapid.Bool().Draw(t, bucket)
		}
		for id, d := range rapid.MapOf(rapid.StringMatching(`[a-d]`), domain).Draw(t, "origins") {
			now.Origins[id] = origin{d, rapid.SampledFrom([]string{"", "E1"}).Draw(t, "access"), rapid.SampledFrom([]string{"", identity}).Draw(t, "config")}
		}
		remedytest.Stable(t, NoMissingS3Origin, on, now, "origins")
		got, err := NoMissingS3Origin.Want(on, now)
		if err != nil || len(got.Origins) != len(now.Origins) {
			t.Fatalf("%v becomes %v, %v", now, got, err)
		}
		for id, was := range now.Origins {
			is, missing := got.Origins[id], now.Missing[bucketOf("aws", was.Domain)]
			if missing && is != (origin{Domain: nowhere}) || !missing && is != was {
				t.Fatalf("%+v becomes %+v", was, is)
			}
		}
	})
}
