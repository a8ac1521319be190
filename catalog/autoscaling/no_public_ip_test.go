package autoscaling

import (
	"testing"

	"example.com/asr/remedytest"
)

func TestNoPublicIP(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	arn := newConfiguration(t, acct, "web")
	newGroup(t, acct, "blue", by("web"))
	remedytest.Lifecycle(t, acct, NoPublicIP, remedytest.Case{
		Name: "a public address", Control: "Autoscaling.5", Resource: arn, Made: madeConfiguration(acct, "web-asr-no-public-ip"),
		Want: []string{`copy: "" → "web-asr-no-public-ip"`, `groups.blue: "web" → "web-asr-no-public-ip"`},
		View: viewOfLaunch(acct, []string{"web-asr-no-public-ip", "web"}, []string{"blue"}),
		Seen: []string{
			`describe_auto_scaling_groups.LaunchConfigurationName: "web" → "web-asr-no-public-ip"`,
			`describe_launch_configurations2: none → ` + copied(t, acct, "web", "web-asr-no-public-ip", func(c map[string]any) { c["AssociatePublicIpAddress"] = false }),
		},
		Gone: func() {
			deleteGroup(t, acct, "blue")
			deleteConfiguration(t, acct, "web")
		},
	})
}

func TestTheControlIsSpeltAsSecurityHubSpellsIt(t *testing.T) {
	if _, ok := NoPublicIP.Controls["Autoscaling.5"]; !ok {
		t.Errorf("it answers %v", NoPublicIP.Controls)
	}
}
