// Package ec2 fixes EC2.
package ec2

import (
	"maps"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
)

const securityGroup = "arn:{partition}:ec2:{region}:{account}:security-group/{name}"

// ports are closed to the internet: those listed, or all but those allowed.
type ports struct {
	Closed   []int32  `json:"ports,omitempty" doc:"Ports that the internet must not reach."`
	Proto    []string `json:"protocols,omitempty" doc:"Protocols that the closed ports are meant for: tcp, udp."`
	AllowTCP []string `json:"allowTCP,omitempty" doc:"TCP ports or ranges (1020-1025) that alone may be public."`
	AllowUDP []string `json:"allowUDP,omitempty" doc:"UDP ports or ranges that alone may be public."`
	From     []string `json:"from,omitempty" doc:"What counts as the internet: 0.0.0.0/0, ::/0. Empty: both."`
}

type ingress struct {
	Public map[rule]string `json:"public"` // the description of each rule for everybody
}

// ClosePorts takes ports out of the rules that open them to the internet.
var ClosePorts = remedy.Unit[ports, ingress]{
	Spec: asr.Spec{
		ID: "ec2-close-ports", Version: 1,
		Title:  "Close ports to the internet",
		Impact: "Connections from the internet to the closed ports stop. A rule for a range of ports is replaced by rules for the rest of the range; one for all protocols is revoked whole. Put back, a rule has a new ID and no tags.",
		Risk:   asr.RiskHigh, RiskWhy: "who works through an open port is cut off",
		Scope: asr.ScopeResource, Resources: []string{securityGroup},
		Reads:  []asr.Grant{asr.Allow("*", "ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules")},
		Writes: []asr.Grant{asr.Allow(securityGroup, "ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress")},
		Settle: time.Second,
	},
	Controls: map[string]ports{
		"EC2.13": {Closed: []int32{22}, Proto: []string{"tcp"}},
		"EC2.14": {Closed: []int32{3389}, Proto: []string{"tcp"}},
		"EC2.18": {AllowTCP: []string{"80", "443"}},
		"EC2.19": {Closed: []int32{20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300}, Proto: []string{"tcp", "udp"}},
		"EC2.53": {Closed: []int32{22, 3389}, Proto: []string{"tcp", "udp"}, From: []string{anyIPv4}},
		"EC2.54": {Closed: []int32{22, 3389}, Proto: []string{"tcp", "udp"}, From: []string{anyIPv6}},
	},
	Read: readIngress,
	Want: func(on remedy.On[ports], now ingress) (ingress, error) {
		to := ingress{maps.Clone(now.Public)}
		for _, r := range slices.SortedFunc(maps.Keys(now.Public), rule.compare) { // of two rules with the same rest, the same one always describes it
			rest, offends := on.Params.rest(r)
			if !offends {
				continue
			}
			delete(to.Public, r)
			for _, keep := range rest {
				if _, there := now.Public[keep]; !there {
					to.Public[keep] = now.Public[r]
				}
			}
		}
		return to, nil
	},
	Write:    writeIngress,
	Validate: validPorts,
}
