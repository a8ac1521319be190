package elb

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

const (
	applicationBalancer = "arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}"
	listeners           = "arn:{partition}:elasticloadbalancing:{region}:{account}:listener/app/{name}/*"
	rules               = "arn:{partition}:elasticloadbalancing:{region}:{account}:listener-rule/app/{name}/*"
)

type secure struct {
	Port int32 `json:"port" doc:"Port of the HTTPS listener that requests are sent to."`
}

// plain is what an Application Load Balancer does with requests over HTTP, by
// the listeners' ports ("80") and the rules' own ids under them ("80/0467ef3c").
type plain struct {
	HTTPS     map[string]bool         `json:"https"` // the ports of HTTPS listeners
	Listeners map[string]types.Action `json:"listeners"`
	Rules     map[string]types.Action `json:"rules"`
	Rewrites  map[string]bool         `json:"rewrites,omitempty"` // the rules that rewrite requests
}

// HTTPSRedirect sends requests over HTTP to HTTPS.
var HTTPSRedirect = remedy.Unit[secure, plain]{
	Spec: asr.Spec{
		ID: "elb-https-redirect", Version: 1,
		Title:  "Redirect HTTP requests to HTTPS on Application Load Balancers",
		Impact: "Each HTTP listener, on whatever port, answers with a permanent redirect to HTTPS, and so do its rules that forwarded requests over HTTP. Rules that redirect elsewhere or give a fixed response stay. Clients that don't follow redirects, or repeat a POST as a GET, fail; clients must trust the certificate and reach the HTTPS port through the security groups. What asks over HTTP for others, such as CloudFront with an HTTP origin, may send them in a circle. Browsers may remember the redirect after it is undone.",
		Risk:   asr.RiskHigh, RiskWhy: "clients that speak only HTTP are cut off",
		Scope: asr.ScopeResource, Resources: []string{applicationBalancer},
		Reads: []asr.Grant{asr.Allow("*", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules")},
		Writes: []asr.Grant{
			asr.Allow(listeners, "elasticloadbalancing:ModifyListener"),
			asr.Allow(rules, "elasticloadbalancing:ModifyRule"),
		},
		Settle: 2 * time.Second,
	},
	Controls: map[string]secure{"ELB.1": {443}},
	Read:     readPlain,
	Want: func(on remedy.On[secure], now plain) (plain, error) {
		to := plain{now.HTTPS, maps.Clone(now.Listeners), maps.Clone(now.Rules), now.Rewrites}
		redirect, wrong := on.Params.redirect(), false
		for port, a := range now.Listeners {
			if !known(a) {
				return now, asr.Refuse("the listener on port "+port+" has an action of type "+string(a.Type)+", which couldn't be put back", "change the listener by hand")
			}
			if !redirects(a) {
				to.Listeners[port], wrong = redirect, true
			}
		}
		for id, a := range now.Rules {
			if a.Type != types.ActionTypeEnumForward {
				continue
			}
			if now.Rewrites[id] { // which URL a redirect of it would send clients to, AWS doesn't say
				return now, asr.Refuse("the rule "+id+" rewrites the requests that it forwards", "change the rule by hand")
			}
			to.Rules[id], wrong = redirect, true
		}
		switch {
		case !wrong:
			return now, nil
		case !now.HTTPS[strconv.Itoa(int(on.Params.Port))]:
			return now, asr.Refuse(fmt.Sprintf("the load balancer has no HTTPS listener on port %d, to which requests could be sent", on.Params.Port), "add one, or set port to that of an HTTPS listener, then plan again")
		}
		return to, nil
	},
	Write: writePlain,
	Validate: func(on remedy.On[secure]) error {
		if p := on.Params.Port; p < 1 || p > 65535 {
			return fmt.Errorf("port is %d, and can be 1 to 65535", p)
		}
		return nil
	},
}

// known reports whether an action is of a kind that AWS shows in full.
func known(a types.Action) bool {
	return slices.Contains([]types.ActionTypeEnum{types.ActionTypeEnumForward, types.ActionTypeEnumRedirect, types.ActionTypeEnumFixedResponse}, a.Type)
}

// redirects reports whether an action sends requests to HTTPS.
func redirects(a types.Action) bool {
	return a.Type == types.ActionTypeEnumRedirect && a.RedirectConfig != nil && aws.ToString(a.RedirectConfig.Protocol) == string(types.ProtocolEnumHttps)
}

// redirect keeps host, path and query, as AWS's own defaults do:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RedirectActionConfig.html
func (s secure) redirect() types.Action {
	return types.Action{Type: types.ActionTypeEnumRedirect, RedirectConfig: &types.RedirectActionConfig{
		Protocol: aws.String(string(types.ProtocolEnumHttps)), Port: aws.String(strconv.Itoa(int(s.Port))), StatusCode: types.RedirectActionStatusCodeEnumHttp301,
		Host: aws.String("#{host}"), Path: aws.String("/#{path}"), Query: aws.String("#{query}"),
	}}
}
