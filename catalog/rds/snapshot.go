// Package rds fixes RDS.
package rds

import (
	"context"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const (
	snapshot  = "arn:{partition}:rds:{region}:{account}:snapshot:{name}"
	suffix    = "-encrypted"
	sourceTag = "asr:source" // on a copy: the ARN and the time of what it is a copy of
)

type key struct {
	Key string `json:"key" doc:"The KMS key's ID, alias or ARN."`
}

// copies says which of a snapshot's forms exist.
type copies struct {
	Plain     bool   `json:"plain"`
	Encrypted bool   `json:"encrypted"` // a copy that proves by its tag to be one of this snapshot
	Refusal   string `json:"refusal,omitempty"`
}

// EncryptSnapshot replaces a snapshot by an encrypted copy.
var EncryptSnapshot = remedy.Unit[key, copies]{
	Spec: asr.Spec{
		ID: "rds-encrypt-snapshot", Version: 1,
		Title:  "Replace RDS snapshots by encrypted copies",
		Impact: "The snapshot goes; an encrypted copy, named after it with " + suffix + ", takes its place. Accounts that it was shared with lose it.",
		Risk:   asr.RiskHigh, RiskWhy: "a backup is deleted under the name that scripts know it by",
		Cost:         "about 0.095 USD per GB and month while both exist",
		Irreversible: "an unencrypted snapshot can't be made from an encrypted one",
		Scope:        asr.ScopeResource, Resources: []string{snapshot},
		Reads: []asr.Grant{asr.Allow("*", "rds:DescribeDBSnapshots")},
		Writes: []asr.Grant{
			asr.Allow(snapshot, "rds:CopyDBSnapshot", "rds:DeleteDBSnapshot"),
			asr.Allow(snapshot+suffix, "rds:CopyDBSnapshot"),
		},
		Implied: []asr.Grant{
			asr.Allow(snapshot+suffix, "rds:AddTagsToResource"),
			asr.Allow("arn:{partition}:kms:{region}:{account}:key/*", "kms:CreateGrant", "kms:DescribeKey"),
		},
		Locks:  []string{snapshot, snapshot + suffix},
		Settle: 5 * time.Second,
	},
	Controls: map[string]key{"RDS.4": {"alias/aws/rds"}},
	Read:     readCopies,
	Want: func(_ remedy.On[key], now copies) (copies, error) {
		if now.Refusal != "" && now.Plain {
			return now, asr.Refuse(now.Refusal, "encrypt the database itself, or suppress the finding")
		}
		return copies{Encrypted: now.Encrypted || now.Plain}, nil
	},
	Write: writeCopies,
}

// readCopies proves what the copy is by its tag, which carries the source's ARN
// and time: a name proves nothing, and the plain snapshot is deleted on this word.
func readCopies(ctx context.Context, cfg aws.Config, on remedy.On[key]) (now copies, err error) {
	plain, err := find(ctx, cfg, on.Name)
	if err != nil {
		return now, err
	}
	other, err := find(ctx, cfg, on.Name+suffix)
	if err != nil {
		return now, err
	}
	now.Plain = plain != nil && !aws.ToBool(plain.Encrypted)
	switch {
	case plain != nil && !now.Plain: // encrypted already
		return copies{Encrypted: true}, nil
	case other != nil && isCopy(other, plain, on):
		now.Encrypted = true
	case other != nil:
		now.Refusal = on.Name + suffix + " exists and is no copy that asr made of this snapshot"
	case plain == nil:
		return now, asr.ErrGone
	}
	if strings.HasPrefix(on.Name, "rds:") || strings.HasPrefix(on.Name, "awsbackup:") {
		now.Refusal = "automated snapshots can't be deleted by hand"
	}
	return now, nil
}

func writeCopies(ctx context.Context, cfg aws.Config, on remedy.On[key], from, to copies) error {
	api := rds.NewFromConfig(cfg)
	if !from.Encrypted && to.Encrypted {
		plain, err := find(ctx, cfg, on.Name)
		if err != nil || plain == nil {
			return err
		}
		tags := append(plain.TagList, types.Tag{Key: aws.String(sourceTag), Value: aws.String(identity(plain, on))})
		for k, v := range on.Call.Tags() {
			tags = append(tags, types.Tag{Key: &k, Value: &v})
		}
		_, err = api.CopyDBSnapshot(ctx, &rds.CopyDBSnapshotInput{
			SourceDBSnapshotIdentifier: aws.String(on.Expand(snapshot)), TargetDBSnapshotIdentifier: aws.String(on.Name + suffix), KmsKeyId: &on.Params.Key, Tags: tags,
		})
		return remedy.Unless(err, "DBSnapshotAlreadyExists")
	}
	_, err := api.DeleteDBSnapshot(ctx, &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &on.Name})
	return remedy.Unless(err, "DBSnapshotNotFound", "DBSnapshotNotFoundFault")
}
