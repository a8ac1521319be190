package render_test

import (
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/render"
)

func TestThePermissionsPageNamesEachControlAndEachAction(t *testing.T) {
	t.Parallel()
	units := catalog.All(nil)
	page := string(render.Permissions(units))
	for _, u := range units {
		_, row, _ := strings.Cut(page, "| [`"+u.Spec.ID+"`]")
		row, _, _ = strings.Cut(row, "\n")
		for _, g := range u.Spec.WriteGrants() {
			for _, action := range g.Actions {
				if !strings.Contains(row, action) {
					t.Errorf("%s: %s is missing in %q", u.Spec.ID, action, row)
				}
			}
		}
		for control := range u.Controls {
			if !strings.Contains(page, control) {
				t.Errorf("%s is missing", control)
			}
		}
	}
}

func TestWritesOnEverythingAreListedApart(t *testing.T) {
	t.Parallel()
	u := asr.Remediation{Spec: asr.Spec{
		ID: "x-y", Reads: []asr.Grant{asr.Allow("*", "ec2:DescribeVpcs")},
		Writes: []asr.Grant{asr.Allow("*", "ec2:ModifyVpcAttribute"), asr.Pass("arn:aws:iam::1:role/asr/r", "ec2.amazonaws.com")},
	}}
	_, page, _ := strings.Cut(string(render.Permissions([]asr.Remediation{u})), "## Writes without")
	if !strings.Contains(page, "| `ec2:ModifyVpcAttribute` | `x-y` |") || strings.Contains(page, "DescribeVpcs") {
		t.Errorf("the writes without a narrower resource are %s", page)
	}
	if !strings.Contains(page, "| `arn:aws:iam::1:role/asr/r` | `ec2.amazonaws.com` | `x-y` |") {
		t.Errorf("the role that is handed on is missing in %s", page)
	}
}
