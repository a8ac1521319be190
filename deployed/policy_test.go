package deployed_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOfThePolicysPlaceNoMoreMayBeReadThanIsThere(t *testing.T) {
	t.Parallel()
	tt := committed(t, "asr-hub.yaml")
	pattern := regexp.MustCompile(tt.section("Parameters")["PolicyLocation"].(obj)["AllowedPattern"].(string))
	for location, want := range map[string]struct{ object, bucket, prefix any }{
		"":                                {},
		"s3://rules/policy.yaml":          {object: "arn:aws:s3:::rules/policy.yaml"},
		"s3://rules/asr/prod/policy.yaml": {object: "arn:aws:s3:::rules/asr/prod/policy.yaml"},
		"s3://rules/a/b/c/d/e/policy":     {object: "arn:aws:s3:::rules/a/b/c/d/e/policy"},
		"s3://rules/asr/":                 {"arn:aws:s3:::rules/asr/*", "arn:aws:s3:::rules", "asr/"},
		"s3://rules/asr/prod/":            {"arn:aws:s3:::rules/asr/prod/*", "arn:aws:s3:::rules", "asr/prod/"},
		"s3://rules/asr/prod/eu/":         {"arn:aws:s3:::rules/asr/prod/eu/*", "arn:aws:s3:::rules", "asr/prod/eu/"},
	} {
		if !pattern.MatchString(location) {
			t.Errorf("%s isn't taken", location)
		}
		d := tt.deploy(t, "PolicyLocation="+location)
		for condition := range d.section("Conditions") {
			d.holds(condition) // CloudFormation works out all of them: a part that isn't there fails the stack
		}
		for _, id := range []string{"IngestRole", "PlanRole", "ApplyRole", "ApiRole", "SyncRole", "ReportRole"} {
			var got struct{ object, bucket, prefix any }
			for _, s := range d.statements() {
				switch {
				case s.of.id != id:
				case s.sid == "PolicyFile":
					got.object = s.s["Resource"]
				case s.sid == "PolicyFolder":
					got.bucket, got.prefix = s.s["Resource"], s.s["Condition"].(obj)["StringEquals"].(obj)["s3:prefix"]
				}
			}
			if got != want {
				t.Errorf("%q, %s: %s", location, id, cmp.Diff(want, got, cmp.AllowUnexported(got)))
			}
		}
	}
	for _, location := range []string{"s3://rules/", "s3://rules//", "s3://rules/a/b/c/d/", "s3://rules/a//", "rules/asr/", "s3://rules"} {
		if pattern.MatchString(location) {
			t.Errorf("%s is taken", location)
		}
	}
}
