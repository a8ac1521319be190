// Package rds fixes RDS.
package rds

import (
	"context"
	"errors"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	suffix    = "-encrypted"
	sourceTag = "asr:source" // on a copy: the ARN and the time of what it is a copy of
	restored  = cluster + suffix
	anyKey    = "arn:{partition}:kms:{region}:{account}:key/*"
)

// byRDS keeps the session itself from making grants: RDS makes one for the copy.
var byRDS = map[string]map[string]string{"Bool": {"kms:GrantIsForAWSResource": "true"}}

type key struct {
	Key         string `json:"key" doc:"The KMS key's ID, alias or ARN. Copies under alias/aws/rds can't be shared with other accounts."`
	SubnetGroup string `json:"subnetGroup,omitempty" doc:"For snapshots of clusters: the DB subnet group of the cluster that is restored for the time being. Empty: RDS's default, which a Region without a default VPC hasn't."`
}

// copies says which of a snapshot's forms exist.
type copies struct {
	Plain     bool   `json:"plain"`
	Encrypted bool   `json:"encrypted"`          // a copy that proves by its tag to be one of this snapshot
	Restored  bool   `json:"restored,omitempty"` // a cluster that is one of this snapshot, and of which the copy is made
	Refusal   string `json:"refusal,omitempty"`
	Do        string `json:"do,omitempty"`
}

// EncryptSnapshot replaces a snapshot by an encrypted copy. RDS encrypts an
// instance's snapshot when it copies it. It refuses to do that with a cluster's:
// that is restored to an encrypted cluster, of which another snapshot is made.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CopyDBClusterSnapshot.html
var EncryptSnapshot = remedy.Unit[key, copies]{
	Spec: asr.Spec{
		ID: "rds-encrypt-snapshot", Version: 2,
		Title:  "Replace RDS snapshots by encrypted copies",
		Impact: "The snapshot goes; an encrypted copy, named after it with " + suffix + ", takes its place. Accounts that it was shared with lose it. For a cluster's snapshot, a cluster of the copy's name is there until the copy is made; it has no instances, so nobody can connect to it. If the run fails before that, the cluster stays, and the next run goes on from it. RDS lists the copy under that cluster's name.",
		Risk:   asr.RiskHigh, RiskWhy: "a backup is deleted under the name that scripts know it by",
		Cost:         "about 0.095 USD per GB and month while both exist; for a cluster's, the storage of the restored cluster too, about 0.10 USD per GB and month, for an hour or so",
		Irreversible: "an unencrypted snapshot can't be made from an encrypted one",
		Scope:        asr.ScopeResource, Resources: []string{snapshot}, Internal: clusterSnapshotID,
		Reads: []asr.Grant{
			asr.Allow("arn:{partition}:rds:{region}:{account}:snapshot:*", "rds:DescribeDBSnapshots"),
			asr.Allow("arn:{partition}:rds:{region}:{account}:cluster-snapshot:*", "rds:DescribeDBClusterSnapshots"),
			asr.Allow(restored, "rds:DescribeDBClusters"),
		},
		Writes: []asr.Grant{
			asr.Allow(snapshot, "rds:CopyDBSnapshot", "rds:DeleteDBSnapshot"),
			asr.Allow(snapshot+suffix, "rds:CopyDBSnapshot"),
			asr.Allow(clusterSnapshot, "rds:RestoreDBClusterFromSnapshot", "rds:DeleteDBClusterSnapshot"),
			asr.Allow(restored, "rds:RestoreDBClusterFromSnapshot", "rds:CreateDBClusterSnapshot"),
			asr.Allow("arn:{partition}:rds:{region}:{account}:og:default:*", "rds:RestoreDBClusterFromSnapshot"),
			asr.Allow("arn:{partition}:rds:{region}:{account}:cluster-pg:default.*", "rds:RestoreDBClusterFromSnapshot"),
			asr.Allow("arn:{partition}:rds:{region}:{account}:subgrp:*", "rds:RestoreDBClusterFromSnapshot"),
			asr.Allow(clusterSnapshot+suffix, "rds:CreateDBClusterSnapshot", "rds:DeleteDBCluster"),
			{On: restored, Actions: []string{"rds:DeleteDBCluster"}, When: map[string]map[string]string{"StringLike": {"aws:ResourceTag/" + asr.OwnerTag: "*"}}},
		},
		Implied: []asr.Grant{
			asr.Allow(snapshot+suffix, "rds:AddTagsToResource"),
			asr.Allow(clusterSnapshot+suffix, "rds:AddTagsToResource"),
			asr.Allow(restored, "rds:AddTagsToResource"),
			asr.Allow(anyKey, "kms:DescribeKey"),
			{On: anyKey, Actions: []string{"kms:CreateGrant"}, When: byRDS},
		},
		Locks:  []string{snapshot, snapshot + suffix, restored},
		Settle: 5 * time.Second,
	},
	Controls: map[string]key{"RDS.4": {Key: "alias/aws/rds"}},
	Resolve:  resolveSnapshot[key],
	Validate: func(on remedy.On[key]) error {
		if on.Params.Key == "" { // RDS would copy without a key
			return errors.New("key is empty, and names the KMS key of the copy")
		}
		return nil
	},
	Read: readCopies,
	Want: func(_ remedy.On[key], now copies) (copies, error) {
		if now.Refusal != "" && now.Plain {
			return now, asr.Refuse(now.Refusal, now.Do)
		}
		return copies{Encrypted: now.Encrypted || now.Plain || now.Restored, Refusal: now.Refusal, Do: now.Do}, nil
	},
	Write: writeCopies,
	Makes: func(on remedy.On[key], c asr.Change) string {
		if c.Path[0] == "encrypted" {
			return arnOf(on.Target) + suffix
		}
		return ""
	},
}

// readCopies proves what the copy is by its tag, which carries the source's ARN
// and time: a name proves nothing, and the plain snapshot is deleted on this word.
func readCopies(ctx context.Context, cfg aws.Config, on remedy.On[key]) (now copies, err error) {
	plain, err := find(ctx, cfg, on.Target, on.Name)
	if err != nil || plain != nil && plain.Encrypted {
		return copies{Encrypted: true}, err
	}
	other, err := find(ctx, cfg, on.Target, on.Name+suffix)
	if err != nil {
		return now, err
	}
	way, err := findRestored(ctx, cfg, on, plain)
	if err != nil {
		return now, err
	}
	now = copies{Plain: plain != nil, Encrypted: isCopy(other, plain, on.Target), Restored: way == ours}
	if !now.Plain && !now.Encrypted && !now.Restored {
		return now, asr.ErrGone
	}
	if now.Plain && !now.Encrypted {
		now.Refusal, now.Do = obstacle(on, plain, other, way)
	}
	return now, nil
}
