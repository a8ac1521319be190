package redshift

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/aws/aws-sdk-go-v2/service/redshift/types"
)

type reach struct {
	Public    bool   `json:"public"`
	ElasticIP string `json:"elasticIP"`         // an Elastic IP of the owner's, by which a public cluster is reached
	Refusal   string `json:"refusal,omitempty"` // why Redshift wouldn't change it
}

// NotPublic takes away a cluster's public address.
// https://docs.aws.amazon.com/redshift/latest/APIReference/API_ModifyCluster.html
var NotPublic = remedy.Unit[none, reach]{
	Spec: asr.Spec{
		ID: "redshift-not-public", Version: 1,
		Title:  "Take Redshift clusters off the internet",
		Impact: "The cluster's name leads to a private address. Clients outside of its VPC and of the networks joined to it can't connect any more. An Elastic IP stays the account's and is given back to the cluster with undo, unless somebody released it.",
		Risk:   asr.RiskHigh, RiskWhy: "clients outside of the VPC lose the cluster",
		Interrupts: "connections from outside of the VPC, until undone; others for a moment, while the address changes",
		Scope:      asr.ScopeResource, Resources: []string{cluster},
		Reads:  []asr.Grant{asr.Allow(cluster, "redshift:DescribeClusters")},
		Writes: []asr.Grant{asr.Allow(cluster, "redshift:ModifyCluster")},
		Settle: 15 * time.Second,
	},
	Controls: map[string]none{"Redshift.1": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[none]) (reach, error) {
		c, stuck, err := describe(ctx, cfg, on.Target)
		if err != nil {
			return reach{}, err
		}
		return reachOf(c, stuck)
	},
	Want: func(_ remedy.On[none], now reach) (reach, error) {
		if now.Public && now.Refusal != "" {
			return now, refuse(now.Refusal)
		}
		return reach{Refusal: now.Refusal}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to reach) error {
		if from.Refusal != "" {
			return refuse(from.Refusal)
		}
		in := redshift.ModifyClusterInput{ClusterIdentifier: &on.Name, PubliclyAccessible: &to.Public}
		if to.ElasticIP != "" {
			in.ElasticIp = &to.ElasticIP
		}
		return modify(ctx, cfg, in)
	},
}

func reachOf(c types.Cluster, stuck string) (reach, error) {
	if pending(c).PubliclyAccessible != nil {
		return reach{}, asr.ErrSettling
	}
	now := reach{Public: aws.ToBool(c.PubliclyAccessible), Refusal: stuck}
	if now.Public && c.ElasticIpStatus != nil {
		now.ElasticIP = aws.ToString(c.ElasticIpStatus.ElasticIp)
	}
	return now, nil
}
