package elb

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"pgregory.net/rapid"
)

func (c cloud) set(balancer, key, value string) {
	c.t.Helper()
	_, err := c.api.ModifyLoadBalancerAttributes(c.t.Context(), &elasticloadbalancingv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: &balancer, Attributes: []types.LoadBalancerAttribute{{Key: &key, Value: &value}},
	})
	remedytest.Must(c.t, key, err)
}

func TestDeletionProtection(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	web, net := c.newBalancer("web", types.LoadBalancerTypeEnumApplication), c.newBalancer("net", types.LoadBalancerTypeEnumNetwork)
	c.set(web, "idle_timeout.timeout_seconds", "77")
	acct := c.Account
	remedytest.Lifecycle(t, acct, DeletionProtection, remedytest.Case{
		Name: "an Application Load Balancer", Control: "ELB.6", Resource: web, Want: []string{"on: false → true"},
		View: viewOf(c, web),
		Seen: []string{
			`describe_load_balancer_attributes[]: {"Key":"deletion_protection.enabled","Value":"false"} → none`,
			`describe_load_balancer_attributes[]: none → {"Key":"deletion_protection.enabled","Value":"true"}`,
		},
		Meanwhile: func() { c.set(web, "idle_timeout.timeout_seconds", "60") },
	}, remedytest.Case{
		Name: "a Network Load Balancer", Control: "ELB.6", Resource: net, Want: []string{"on: false → true"},
		View: viewOf(c, net),
		Seen: []string{`describe_load_balancer_attributes[]: `},
		Gone: func() { c.delete(net) },
	})
}

// viewOf looks at a load balancer with its attributes, listeners and tags.
func viewOf(c cloud, balancer string) remedytest.View {
	return c.Boto("elbv2", "describe_load_balancer_attributes", map[string]any{"LoadBalancerArn": balancer}, "Attributes").
		And(c.Boto("elbv2", "describe_load_balancers", map[string]any{"LoadBalancerArns": []string{balancer}}, "LoadBalancers.0")).
		And(c.Boto("elbv2", "describe_tags", map[string]any{"ResourceArns": []string{balancer}}, "TagDescriptions"))
}

func TestAProtectedBalancerIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	arn := c.newBalancer("web", types.LoadBalancerTypeEnumApplication)
	c.set(arn, deletionProtection, "true")
	if r := ended(c, DeletionProtection, "ELB.6", arn); r.State != asr.StateNothingToDo || r.Writes != 0 {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestAllKindsOfBalancersAreNamedByTheirARNs(t *testing.T) {
	for _, name := range []string{"app/web/50dc6c495c0c9188", "net/web/50dc6c495c0c9188", "gwy/web/50dc6c495c0c9188"} {
		arn := "arn:aws-cn:elasticloadbalancing:cn-north-1:111111111111:loadbalancer/" + name
		got, err := DeletionProtection.Spec.Locate("111111111111", "cn-north-1", asr.Resource{ID: arn})
		if err != nil || got.Name != name || got.ID != arn {
			t.Errorf("%s: %+v, %v", arn, got, err)
		}
		_, err = HTTPSRedirect.Spec.Locate("111111111111", "cn-north-1", asr.Resource{ID: arn})
		if isApplication := name[:3] == "app"; (err == nil) != isApplication {
			t.Errorf("%s has HTTP listeners: %v", arn, err)
		}
	}
}

func TestProtectionIsNeverTurnedOff(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := rapid.Make[protection]().Draw(t, "state")
		remedytest.Stable(t, DeletionProtection, remedy.On[struct{}]{}, now, "on")
		if to, err := DeletionProtection.Want(remedy.On[struct{}]{}, now); err != nil || !to.On {
			t.Fatalf("%v becomes %v: %v", now, to, err)
		}
	})
}
