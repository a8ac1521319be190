package elb

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func forward(target string) types.Action {
	return types.Action{Type: types.ActionTypeEnumForward, TargetGroupArn: &target}
}

// shown is how AWS shows an action that forwards to one target group.
func shown(target string) types.Action {
	a := forward(target)
	a.ForwardConfig = &types.ForwardActionConfig{TargetGroups: []types.TargetGroupTuple{{TargetGroupArn: &target, Weight: aws.Int32(1)}}, TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(false)}}
	return a
}

func weighted(targets ...string) types.Action {
	c := &types.ForwardActionConfig{TargetGroupStickinessConfig: &types.TargetGroupStickinessConfig{Enabled: aws.Bool(true), DurationSeconds: aws.Int32(300)}}
	for i, t := range targets {
		c.TargetGroups = append(c.TargetGroups, types.TargetGroupTuple{TargetGroupArn: aws.String(t), Weight: aws.Int32(int32(7 * (i + 1)))})
	}
	return types.Action{Type: types.ActionTypeEnumForward, ForwardConfig: c}
}

func fixed(status string) types.Action {
	return types.Action{Type: types.ActionTypeEnumFixedResponse, FixedResponseConfig: &types.FixedResponseActionConfig{StatusCode: &status, ContentType: aws.String("text/plain"), MessageBody: aws.String("no")}}
}

func to(protocol, port string) types.Action {
	a := secure{443}.redirect()
	a.RedirectConfig.Protocol, a.RedirectConfig.Port = &protocol, &port
	return a
}

const seenRedirect = `{"Host":"#{host}","Path":"/#{path}","Port":"443","Protocol":"HTTPS","Query":"#{query}","StatusCode":"HTTP_301"}`

func (c cloud) modify(listener string, does types.Action) {
	c.t.Helper()
	_, err := c.api.ModifyListener(c.t.Context(), &elasticloadbalancingv2.ModifyListenerInput{ListenerArn: &listener, DefaultActions: []types.Action{does}})
	remedytest.Must(c.t, listener, err)
}

func TestHTTPSRedirect(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	web, other := c.newBalancer("web", types.LoadBalancerTypeEnumApplication), c.newTarget("other")
	plain := c.listen(web, types.ProtocolEnumHttp, 80, weighted(c.target, other))
	c.listen(web, types.ProtocolEnumHttp, 8080, fixed("403"))
	c.listen(web, types.ProtocolEnumHttp, 81, to("HTTPS", "8443"))
	https := c.listen(web, types.ProtocolEnumHttps, 443, forward(c.target))
	api := c.rule(plain, 10, "/api/*", forward(other))
	c.rule(plain, 20, "/health", fixed("200"))
	c.rule(plain, 30, "/old/*", to("HTTP", "80"))
	c.rule(https, 10, "/api/*", forward(other))
	id := api[strings.LastIndex(api, "/")+1:]
	view := c.Boto("elbv2", "describe_listeners", map[string]any{"LoadBalancerArn": web}, "Listeners.0.DefaultActions.0").
		And(c.Boto("elbv2", "describe_listeners", map[string]any{"LoadBalancerArn": web}, "Listeners.1.DefaultActions.0")).
		And(c.Boto("elbv2", "describe_listeners", map[string]any{"LoadBalancerArn": web}, "Listeners.2")).
		And(c.Boto("elbv2", "describe_listeners", map[string]any{"LoadBalancerArn": web}, "Listeners.3")).
		And(c.Boto("elbv2", "describe_rules", map[string]any{"RuleArns": []string{api}}, "Rules.0.Actions.0")).
		And(c.Boto("elbv2", "describe_rules", map[string]any{"RuleArns": []string{api}}, "Rules.0.Conditions")).
		And(c.Boto("elbv2", "describe_rules", map[string]any{"ListenerArn": plain}, "Rules.1")).
		And(c.Boto("elbv2", "describe_rules", map[string]any{"ListenerArn": plain}, "Rules.2")).
		And(c.Boto("elbv2", "describe_rules", map[string]any{"ListenerArn": https}, "Rules")).
		And(viewOf(c, web))
	only := c.newBalancer("only", types.LoadBalancerTypeEnumApplication)
	onlyPlain := c.listen(only, types.ProtocolEnumHttp, 80, shown(c.target))
	c.listen(only, types.ProtocolEnumHttps, 8443, forward(c.target))
	acct := c.Account
	remedytest.Lifecycle(t, acct, HTTPSRedirect, remedytest.Case{
		Name: "listeners and rules", Control: "ELB.1", Resource: web,
		Want: []string{
			`listeners.80.ForwardConfig: {"TargetGroupStickinessConfig":{"DurationSeconds":300,"Enabled":true},"TargetGroups":[{"TargetGroupArn":"` + c.target + `","Weight":7},{"TargetGroupArn":"` + other + `","Weight":14}]} → none`,
			`listeners.80.RedirectConfig: none → ` + seenRedirect, `listeners.80.Type: "forward" → "redirect"`,
			`listeners.8080.FixedResponseConfig: {"ContentType":"text/plain","MessageBody":"no","StatusCode":"403"} → none`,
			`listeners.8080.RedirectConfig: none → ` + seenRedirect, `listeners.8080.Type: "fixed-response" → "redirect"`,
			`rules[80/` + id + `].RedirectConfig: none → ` + seenRedirect, `rules[80/` + id + `].TargetGroupArn: "` + other + `" → none`, `rules[80/` + id + `].Type: "forward" → "redirect"`,
		},
		View: view,
		Seen: []string{
			`describe_listeners.ForwardConfig: {`, `describe_listeners.RedirectConfig: none → ` + seenRedirect, `describe_listeners.Type: "forward" → "redirect"`,
			`describe_listeners2.FixedResponseConfig: {`, `describe_listeners2.RedirectConfig: none → ` + seenRedirect, `describe_listeners2.Type: "fixed-response" → "redirect"`,
			`describe_rules.RedirectConfig: none → ` + seenRedirect, `describe_rules.TargetGroupArn: "` + other + `" → none`, `describe_rules.Type: "forward" → "redirect"`,
		},
	}, remedytest.Case{
		Name: "to another port", Control: "ELB.1", Resource: only, Params: `{"port": 8443}`,
		Seed: func() { c.modify(onlyPlain, shown(c.target)) },
		Want: []string{
			`listeners.80.ForwardConfig: {"TargetGroupStickinessConfig":{"DurationSeconds":null,"Enabled":false},"TargetGroups":[{"TargetGroupArn":"` + c.target + `","Weight":1}]} → none`,
			`listeners.80.RedirectConfig: none → ` + strings.Replace(seenRedirect, "443", "8443", 1), `listeners.80.TargetGroupArn: "` + c.target + `" → none`, `listeners.80.Type: "forward" → "redirect"`,
		},
		Meanwhile: func() { c.set(only, "idle_timeout.timeout_seconds", "99") },
		Foreign:   func() { c.modify(onlyPlain, fixed("503")) },
		Gone:      func() { c.delete(only) },
	})
}

func TestAListenerOfAnotherActionThanTheControlWantsIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		a    types.Action
		want bool
	}{
		"to HTTPS":         {to("HTTPS", "443"), true},
		"to another port":  {to("HTTPS", "8443"), true},
		"temporarily":      {types.Action{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{Protocol: aws.String("HTTPS"), StatusCode: types.RedirectActionStatusCodeEnumHttp302}}, true},
		"to HTTP":          {to("HTTP", "80"), false},
		"to the same":      {to("#{protocol}", "#{port}"), false},
		"nowhere":          {types.Action{Type: types.ActionTypeEnumRedirect}, false},
		"a target group":   {forward("t"), false},
		"a fixed response": {fixed("403"), false},
	} {
		if got := redirects(c.a); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWithoutAnHTTPSListenerNothingIsRedirected(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	web := c.newBalancer("web", types.LoadBalancerTypeEnumApplication)
	c.listen(web, types.ProtocolEnumHttp, 80, forward(c.target))
	c.listen(web, types.ProtocolEnumHttps, 8443, forward(c.target))
	if r := ended(c, HTTPSRedirect, "ELB.1", web); r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused {
		t.Errorf("the run ended %s: %+v", r.State, r.Error)
	}
}

func TestBalancersThatServeNothingOverHTTPAreLeftAlone(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	none, secured := c.newBalancer("none", types.LoadBalancerTypeEnumApplication), c.newBalancer("secured", types.LoadBalancerTypeEnumApplication)
	c.listen(secured, types.ProtocolEnumHttps, 443, forward(c.target))
	c.listen(secured, types.ProtocolEnumHttp, 80, to("HTTPS", "443"))
	for _, arn := range []string{none, secured, c.Expand(applicationBalancer, "nobody/0000000000000000")} {
		if r := ended(c, HTTPSRedirect, "ELB.1", arn); r.State != asr.StateNothingToDo || r.Writes != 0 {
			t.Errorf("%s: the run ended %s: %+v", arn, r.State, r.Error)
		}
	}
	out, err := c.api.DescribeListeners(t.Context(), &elasticloadbalancingv2.DescribeListenersInput{LoadBalancerArn: &none})
	if n := len(remedytest.Must(t, out, err).Listeners); n != 0 {
		t.Errorf("%d listeners were made", n)
	}
}

func TestAllPagesOfRulesAreRead(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	web := c.newBalancer("web", types.LoadBalancerTypeEnumApplication)
	plain := c.listen(web, types.ProtocolEnumHttp, 80, to("HTTPS", "443"))
	for i := range int32(60) {
		c.rule(plain, i+1, "/"+strconv.Itoa(int(i)), forward(c.target))
	}
	on := remedy.On[secure]{Target: asr.Target{Partition: "aws", Account: c.ID, Region: c.Region, Name: web[strings.Index(web, "app/")+4:]}}
	now, err := HTTPSRedirect.Read(t.Context(), c.Config, on)
	if n := len(remedytest.Must(t, now, err).Rules); n != 60 {
		t.Errorf("%d rules, want 60", n)
	}
}

func TestAllPagesOfListenersAreRead(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	cfg := c.Config.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("pages", func(_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (out middleware.InitializeOutput, meta middleware.Metadata, err error) {
			switch ask := in.Parameters.(type) {
			case *elasticloadbalancingv2.DescribeListenersInput:
				page := &elasticloadbalancingv2.DescribeListenersOutput{Listeners: []types.Listener{{Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443)}}, NextMarker: aws.String("2")}
				if ask.Marker != nil {
					page.Listeners[0], page.NextMarker = types.Listener{Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), DefaultActions: []types.Action{forward("t")}}, nil
				}
				out.Result = page
			case *elasticloadbalancingv2.DescribeRulesInput:
				out.Result = &elasticloadbalancingv2.DescribeRulesOutput{}
			}
			return out, meta, nil
		}), middleware.Before)
	})
	now, err := HTTPSRedirect.Read(t.Context(), cfg, remedy.On[secure]{})
	if err != nil || !now.HTTPS["443"] || len(now.Listeners) != 1 {
		t.Errorf("got %+v, %v", now, err)
	}
}

func TestActionsThatCannotBePutBackAreRefused(t *testing.T) {
	now := plain{HTTPS: map[string]bool{"443": true}, Listeners: map[string]types.Action{"80": {Type: types.ActionTypeEnumAuthenticateOidc}}}
	if _, err := HTTPSRedirect.Want(remedy.On[secure]{Params: secure{443}}, now); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("a kind that isn't shown in full: %v", err)
	}
	for _, actions := range [][]types.Action{nil, {forward("a"), forward("b")}} {
		if _, err := only(actions, "80"); asr.Classify(err) != asr.CodeRefused {
			t.Errorf("%d actions: %v", len(actions), err)
		}
	}
}

// What a client would be redirected to, the rewritten URL or its own, AWS doesn't say.
func TestRulesThatRewriteRequestsAreNotRedirected(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	rewrites := types.Rule{RuleArn: aws.String("arn/r"), Actions: []types.Action{forward("t")}, Transforms: []types.RuleTransform{{Type: types.TransformTypeEnumUrlRewrite}}}
	cfg := c.Config.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(st *middleware.Stack) error {
		return st.Initialize.Add(middleware.InitializeMiddlewareFunc("rewrites", func(_ context.Context, in middleware.InitializeInput, _ middleware.InitializeHandler) (out middleware.InitializeOutput, meta middleware.Metadata, err error) {
			if _, ok := in.Parameters.(*elasticloadbalancingv2.DescribeRulesInput); ok {
				out.Result = &elasticloadbalancingv2.DescribeRulesOutput{Rules: []types.Rule{rewrites}}
			} else {
				out.Result = &elasticloadbalancingv2.DescribeListenersOutput{Listeners: []types.Listener{
					{Protocol: types.ProtocolEnumHttps, Port: aws.Int32(443)}, {Protocol: types.ProtocolEnumHttp, Port: aws.Int32(80), DefaultActions: []types.Action{to("HTTPS", "443")}},
				}}
			}
			return out, meta, nil
		}), middleware.Before)
	})
	on := remedy.On[secure]{Params: secure{443}}
	now, err := HTTPSRedirect.Read(t.Context(), cfg, on)
	if _, err := HTTPSRedirect.Want(on, remedytest.Must(t, now, err)); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("a rule that forwards what it rewrites: %v", err)
	}
	rewrites.Actions[0] = to("HTTPS", "443")
	now, err = HTTPSRedirect.Read(t.Context(), cfg, on)
	if _, err := HTTPSRedirect.Want(on, remedytest.Must(t, now, err)); err != nil {
		t.Errorf("a rule that redirects already: %v", err)
	}
}

func TestThePlaceOfAnOnlyActionIsNoDifference(t *testing.T) {
	first := forward("t")
	first.Order = aws.Int32(1)
	if got, err := only([]types.Action{first}, "80"); err != nil || got.Order != nil || *first.Order != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestUndoMakesNoListenerThatWasDeleted(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	web := c.newBalancer("web", types.LoadBalancerTypeEnumApplication)
	on := remedy.On[secure]{Target: asr.Target{Partition: "aws", Account: c.ID, Region: c.Region, Name: web[strings.Index(web, "app/")+4:]}}
	if err := HTTPSRedirect.Write(t.Context(), c.Config, on, plain{}, plain{Listeners: map[string]types.Action{"80": forward(c.target)}}); asr.Classify(err) != asr.CodeRefused {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestPortsAreValid(t *testing.T) {
	for port, ok := range map[int32]bool{0: false, 1: true, 443: true, 65535: true, 65536: false} {
		if err := HTTPSRedirect.Validate(remedy.On[secure]{Params: secure{port}}); (err == nil) != ok {
			t.Errorf("%d: %v", port, err)
		}
	}
}

func TestOnlyWhatServesOverHTTPIsRedirected(t *testing.T) {
	t.Parallel()
	actions := rapid.SampledFrom([]types.Action{forward("a"), weighted("a", "b"), fixed("200"), to("HTTPS", "443"), to("HTTPS", "8443"), to("HTTP", "80")})
	rapid.Check(t, func(t *rapid.T) {
		on := remedy.On[secure]{Params: secure{rapid.SampledFrom([]int32{443, 8443}).Draw(t, "port")}}
		now := plain{
			HTTPS:     rapid.MapOf(rapid.SampledFrom([]string{"443", "8443"}), rapid.Just(true)).Draw(t, "https"),
			Listeners: rapid.MapOf(rapid.SampledFrom([]string{"80", "81"}), actions).Draw(t, "listeners"),
			Rules:     rapid.MapOf(rapid.SampledFrom([]string{"80/a", "80/b", "81/c"}), actions).Draw(t, "rules"),
		}
		remedytest.Stable(t, HTTPSRedirect, on, now, "listeners", "rules")
		to, err := HTTPSRedirect.Want(on, now)
		if err != nil {
			return
		}
		for port, a := range to.Listeners {
			if !redirects(a) || redirects(now.Listeners[port]) && !cmp.Equal(a, now.Listeners[port], plainActions) {
				t.Fatalf("%s: %+v becomes %+v", port, now.Listeners[port], a)
			}
		}
		for id, a := range to.Rules {
			if a.Type == types.ActionTypeEnumForward || now.Rules[id].Type != types.ActionTypeEnumForward && !cmp.Equal(a, now.Rules[id], plainActions) {
				t.Fatalf("%s: %+v becomes %+v", id, now.Rules[id], a)
			}
		}
	})
}

// plainActions has cmp look at what AWS documents of an action.
var plainActions = cmpopts.IgnoreUnexported(
	types.Action{}, types.RedirectActionConfig{}, types.ForwardActionConfig{}, types.TargetGroupTuple{}, types.TargetGroupStickinessConfig{}, types.FixedResponseActionConfig{},
)
