// Package redshift fixes Redshift.
package redshift

import (
	"context"
	"slices"
	"strings"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/redshift"
	"github.com/aws/aws-sdk-go-v2/service/redshift/types"
)

// cluster is a provisioned one: namespaces and workgroups of Redshift Serverless
// belong to another service, redshift-serverless.
const cluster = "arn:{partition}:redshift:{region}:{account}:cluster:{name}"

type none struct{}

// describe returns a cluster that isn't between two states, and why it can't be
// modified if it is in a state that it doesn't leave by itself.
func describe(ctx context.Context, cfg aws.Config, t asr.Target) (c types.Cluster, stuck string, err error) {
	out, err := redshift.NewFromConfig(cfg).DescribeClusters(ctx, &redshift.DescribeClustersInput{ClusterIdentifier: &t.Name})
	if err != nil {
		return c, "", remedy.Gone(err, "ClusterNotFound", "ClusterNotFoundFault")
	}
	if len(out.Clusters) == 0 {
		return c, "", asr.ErrGone
	}
	c = out.Clusters[0]
	stuck, err = settled(aws.ToString(c.ClusterStatus))
	return c, stuck, err
}

// settled judges ClusterStatus:
// https://docs.aws.amazon.com/redshift/latest/mgmt/rs-mgmt-cluster-status.html
func settled(status string) (stuck string, err error) {
	switch {
	case status == "available":
		return "", nil
	case slices.Contains([]string{"paused", "hardware-failure", "storage-full"}, status), strings.HasPrefix(status, "incompatible-"):
		return "the cluster is in state " + status + ", in which Redshift doesn't modify it", nil
	}
	return "", asr.ErrSettling
}

// pending are the changes that Redshift has taken and not made yet. A cluster may
// be available meanwhile, and reads as before.
func pending(c types.Cluster) types.PendingModifiedValues {
	if c.PendingModifiedValues == nil {
		return types.PendingModifiedValues{}
	}
	return *c.PendingModifiedValues
}

// modify asks Redshift for a change of what in says, and of nothing else. It
// begins some time later, until which the cluster reads as before.
func modify(ctx context.Context, cfg aws.Config, in redshift.ModifyClusterInput) error {
	_, err := redshift.NewFromConfig(cfg).ModifyCluster(ctx, &in)
	if err == nil || busy(err) {
		return asr.ErrSettling
	}
	return err
}

// busy is how Redshift says that a cluster is between two states.
func busy(err error) bool { return remedy.Is(err, "InvalidClusterState", "InvalidClusterStateFault") }

// refuse says that a cluster can't be changed as it is.
func refuse(stuck string) error {
	return asr.Refuse(stuck, "bring the cluster into state available (a paused one is resumed), then try again")
}
