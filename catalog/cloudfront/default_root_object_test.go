package cloudfront

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"pgregory.net/rapid"
)

func TestDefaultRootObject(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDistribution(t, acct, "", originAt("web", "origin.example.com", true))
	arn := acct.Expand(distribution, id)
	remedytest.Lifecycle(t, acct, DefaultRootObject, remedytest.Case{
		Name: "none", Control: "CloudFront.1", Resource: arn, Want: []string{`object: "" → "index.html"`},
		View: see(acct, id), Seen: []string{`get_distribution_config.DefaultRootObject: "" → "index.html"`},
		Foreign: change(t, acct, id, func(c *types.DistributionConfig) { c.DefaultRootObject = aws.String("theirs.html") }),
	}, remedytest.Case{
		Name: "another name; others change another setting", Control: "CloudFront.1", Resource: arn, Params: `{"object":"a/b&c.html"}`, Want: []string{`object: "" → "a/b&c.html"`},
		Meanwhile: change(t, acct, id, func(c *types.DistributionConfig) { c.Comment = aws.String("new") }),
		Gone:      deleteDistribution(t, acct, id),
	})
}

func TestAnExistingRootObjectIsKept(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDistribution(t, acct, "home.html", originAt("web", "origin.example.com", true))
	if _, r := run(t, acct, DefaultRootObject, remedytest.Case{Control: "CloudFront.1", Resource: acct.Expand(distribution, id)}); r.State != asr.StateNothingToDo {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.SampledFrom([]string{"", "index.html", "a/b.html"})
		now, on := root{object.Draw(t, "now")}, remedy.On[root]{Params: root{object.Filter(func(s string) bool { return s != "" }).Draw(t, "asked")}}
		remedytest.Stable(t, DefaultRootObject, on, now, "object")
		if got, err := DefaultRootObject.Want(on, now); err != nil || now.Object != "" && got != now || got.Object == "" {
			t.Fatalf("%+v becomes %+v, %v", now, got, err)
		}
	})
}

// What an SDK doesn't know yet would be lost if the configuration went through its types.
func TestSettingsThatNobodyKnowsYetSurvive(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDistribution(t, acct, "", originAt("web", "origin.example.com", true))
	read := func() config {
		c, err := configOf(t.Context(), acct.Config, target(acct, id))
		return remedytest.Must(t, c, err)
	}
	c := read()
	future := `<FutureSetting kind="new"><!-- as it is --><Quantity>1</Quantity></FutureSetting>`
	if err := c.update(t.Context(), acct.Config, target(acct, id), edit{c.root.to, c.root.to, future}, c.root.at("Origins", "Items", "Origin").put("FutureOriginSetting", "<FutureOriginSetting/>")); err != nil {
		t.Fatal(err)
	}
	before := string(read().text)
	h, r := run(t, acct, DefaultRootObject, remedytest.Case{Control: "CloudFront.1", Resource: acct.Expand(distribution, id)})
	if want := strings.Replace(before, "<DefaultRootObject></DefaultRootObject>", "<DefaultRootObject>index.html</DefaultRootObject>", 1); string(read().text) != want || !strings.Contains(want, future) {
		t.Errorf("after the fix (%s) it reads\n%s\nwant\n%s", r.State, read().text, want)
	}
	asked, err := h.Engine.Revert(t.Context(), r.ID, remedytest.Actor, false)
	remedytest.Must(t, asked, err)
	if r, err = h.Drive(t.Context(), r.ID); err != nil || r.State != asr.StateReverted || string(read().text) != before {
		t.Errorf("undo ended %s: %v\n%s\nwant\n%s", r.State, err, read().text, before)
	}
}

func TestAConfigurationThatSomebodyChangedMeanwhileIsReadAgain(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	id := newDistribution(t, acct, "", originAt("web", "origin.example.com", true))
	c, err := configOf(t.Context(), acct.Config, target(acct, id))
	remedytest.Must(t, c, err)
	change(t, acct, id, func(c *types.DistributionConfig) { c.Comment = aws.String("theirs") })()
	if err := c.update(t.Context(), acct.Config, target(acct, id), c.root.set("DefaultRootObject", "index.html")); err != asr.ErrSettling {
		t.Errorf("got %v, want %v", err, asr.ErrSettling)
	}
	c, err = configOf(t.Context(), acct.Config, target(acct, id))
	if got := remedytest.Must(t, c, err).root.value("Comment"); got != "theirs" {
		t.Errorf("the comment is %q", got)
	}
}

func TestNamesThatCloudFrontRefusesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for object, ok := range map[string]bool{"index.html": true, "site/index.html": true, "a~b'c&d*$.html": true, "": false, "/index.html": false, "a b": false, "é": false, strings.Repeat("x", 256): false} {
		if err := DefaultRootObject.Validate(remedy.On[root]{Params: root{object}}); (err == nil) != ok {
			t.Errorf("%q: %v", object, err)
		}
	}
}

func TestADistributionIsChangedInItsPartitionsHomeRegion(t *testing.T) {
	t.Parallel()
	for _, spec := range []asr.Spec{DefaultRootObject.Spec, NoMissingS3Origin.Spec} {
		for region, arn := range map[string]string{"us-east-1": "arn:aws:cloudfront::111111111111:distribution/E1", "cn-north-1": "arn:aws-cn:cloudfront::111111111111:distribution/E1"} {
			got, err := spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: arn, Region: "aws-global"})
			if err != nil || got.Region != region || got.Name != "E1" || got.ID != arn {
				t.Errorf("%s is %+v, %v", arn, got, err)
			}
		}
	}
}

func TestEditsLeaveTheRestOfATextAlone(t *testing.T) {
	t.Parallel()
	text := []byte("<?xml version=\"1.0\"?>\n<A xmlns=\"urn:x\"><B>1</B><C/><D> <B>2</B>\n</D></A>")
	top, err := parse(text)
	remedytest.Must(t, top, err)
	got := string(apply(text, []edit{top.set("C", "<&>"), top.at("D").put("B", ""), top.set("E", "new")}))
	want := "<?xml version=\"1.0\"?>\n<A xmlns=\"urn:x\"><B>1</B><C>&lt;&amp;&gt;</C><D> \n</D><E>new</E></A>"
	if got != want || top.value("B") != "1" || top.at("D", "X") != nil || top.value("D", "B") != "2" {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, broken := range []string{"", "<a>", "<a></b>", "<a/><b/>", "no"} {
		if e, err := parse([]byte(broken)); err == nil {
			t.Errorf("%q is %+v", broken, e)
		}
	}
}
