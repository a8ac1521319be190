package elb

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

func readPlain(ctx context.Context, cfg aws.Config, on remedy.On[secure]) (plain, error) {
	p, _, err := scan(ctx, elasticloadbalancingv2.NewFromConfig(cfg), on.Target)
	return p, err
}

// scan looks at all listeners, and at the rules of those on HTTP. arns are
// those of the listeners and rules in the state, by their keys there.
func scan(ctx context.Context, api *elasticloadbalancingv2.Client, t asr.Target) (p plain, arns map[string]*string, err error) {
	p = plain{map[string]bool{}, map[string]types.Action{}, map[string]types.Action{}, map[string]bool{}}
	arns = map[string]*string{}
	pages := elasticloadbalancingv2.NewDescribeListenersPaginator(api, &elasticloadbalancingv2.DescribeListenersInput{LoadBalancerArn: aws.String(t.Expand(applicationBalancer))})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return p, nil, remedy.Gone(err, "LoadBalancerNotFound", "LoadBalancerNotFoundException")
		}
		for _, l := range page.Listeners {
			port := strconv.Itoa(int(aws.ToInt32(l.Port)))
			switch l.Protocol {
			case types.ProtocolEnumHttps:
				p.HTTPS[port] = true
			case types.ProtocolEnumHttp:
				arns[port] = l.ListenerArn
				if p.Listeners[port], err = only(l.DefaultActions, port); err == nil {
					err = p.scanRules(ctx, api, l.ListenerArn, port, arns)
				}
				if err != nil {
					return p, nil, err
				}
			}
		}
	}
	return p, arns, nil
}

func (p plain) scanRules(ctx context.Context, api *elasticloadbalancingv2.Client, listener *string, port string, arns map[string]*string) error {
	pages := elasticloadbalancingv2.NewDescribeRulesPaginator(api, &elasticloadbalancingv2.DescribeRulesInput{ListenerArn: listener})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, r := range page.Rules {
			if aws.ToBool(r.IsDefault) {
				continue // the listener's own action
			}
			arn := aws.ToString(r.RuleArn)
			key := port + "/" + arn[strings.LastIndex(arn, "/")+1:]
			arns[key] = r.RuleArn
			if len(r.Transforms) > 0 {
				p.Rewrites[key] = true
			}
			if p.Rules[key], err = only(r.Actions, port); err != nil {
				return err
			}
		}
	}
	return nil
}

// only is the one action that a listener on HTTP, or a rule of one, can have:
// those that may come before another work on HTTPS alone. Which place it has
// among one says nothing.
func only(actions []types.Action, port string) (types.Action, error) {
	if len(actions) != 1 {
		return types.Action{}, asr.Refuse("the listener on port "+port+" has "+strconv.Itoa(len(actions))+" actions, of which HTTP takes one", "change the listener by hand")
	}
	a := actions[0]
	a.Order = nil
	return a, nil
}

// writePlain sets the actions that differ.
func writePlain(ctx context.Context, cfg aws.Config, on remedy.On[secure], from, to plain) error {
	api := elasticloadbalancingv2.NewFromConfig(cfg)
	_, arns, err := scan(ctx, api, on.Target)
	if err != nil {
		return err
	}
	for _, key := range slices.Concat(changed(from.Listeners, to.Listeners), changed(from.Rules, to.Rules)) {
		if arns[key] == nil {
			return asr.Refuse("the listener or rule "+key+" was deleted", "make it again by hand")
		}
		if listener, ok := to.Listeners[key]; ok {
			_, err = api.ModifyListener(ctx, &elasticloadbalancingv2.ModifyListenerInput{ListenerArn: arns[key], DefaultActions: []types.Action{listener}})
		} else {
			_, err = api.ModifyRule(ctx, &elasticloadbalancingv2.ModifyRuleInput{RuleArn: arns[key], Actions: []types.Action{to.Rules[key]}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func changed(from, to map[string]types.Action) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(to)) {
		if !reflect.DeepEqual(from[key], to[key]) {
			keys = append(keys, key)
		}
	}
	return keys
}
