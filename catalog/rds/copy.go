package rds

import (
	"context"
	"fmt"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// origin is whose the cluster is that has the copy's name.
type origin int

const (
	nobody origin = iota
	ours          // restored of the very snapshot
	theirs
)

// isCopy reports whether a snapshot is an encrypted copy of this one, which may
// be gone.
func isCopy(c, plain *kept, t asr.Target) bool {
	return c != nil && c.Encrypted && !c.Failed && stemsFrom(c.Tags, plain, t)
}

func stemsFrom(tags []types.Tag, plain *kept, t asr.Target) bool {
	for _, tag := range tags {
		if aws.ToString(tag.Key) == sourceTag {
			v := aws.ToString(tag.Value)
			return plain == nil && strings.HasPrefix(v, arnOf(t)+"@") || plain != nil && v == identity(plain, t)
		}
	}
	return false
}

// identity names a snapshot for ever; its name alone may be used again.
func identity(s *kept, t asr.Target) string {
	return arnOf(t) + "@" + s.Made.UTC().Format(time.RFC3339)
}

// obstacle says why a snapshot can't be replaced, and what to do.
func obstacle(on remedy.On[key], plain, other *kept, way origin) (why, do string) {
	limit, byHand := 255, "restore it encrypted by hand, make a snapshot of that, and delete this one"
	if ofCluster(on.Target) {
		limit = 63 // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBClusterSnapshot.html
	}
	switch kind := aws.ToString(kindOf(on.Name)); {
	case kind == "automated":
		return "automated snapshots can't be deleted by hand", "encrypt the database itself, or suppress the finding"
	case kind != "":
		return "the snapshot belongs to AWS Backup, which alone can delete it", "encrypt the database itself, then delete the recovery point in AWS Backup"
	case plain.Failed:
		return "the snapshot has failed, so there is nothing to copy", "delete it"
	case other != nil:
		return on.Name + suffix + " exists and is no copy that asr made of this snapshot", "rename or delete it, then plan again"
	case len(on.Name)+len(suffix) > limit:
		return fmt.Sprintf("the copy's name, %s, would be longer than %d characters", on.Name+suffix, limit), byHand
	case !ofCluster(on.Target):
		return "", ""
	case way == theirs:
		return "a cluster " + on.Name + suffix + " exists that isn't one that asr has restored of this snapshot, doesn't work, or has instances", "rename or delete it, then plan again"
	case !strings.HasPrefix(plain.Engine, "aurora") && plain.Engine != "neptune" && plain.Engine != "docdb":
		return "a Multi-AZ cluster can't be restored without three instances, which asr doesn't pay for", byHand
	case plain.Mode != "" && plain.Mode != "provisioned":
		return "the snapshot is of a cluster in engine mode " + plain.Mode, byHand
	}
	return "", ""
}

// writeCopies takes one step. RDS may be busy with a snapshot or a cluster that
// reads as available: it backs it up, or somebody else copies it.
func writeCopies(ctx context.Context, cfg aws.Config, on remedy.On[key], from, _ copies) error {
	err := nextCopy(ctx, cfg, on, from)
	if remedy.Is(err, "InvalidDBSnapshotState", "InvalidDBClusterSnapshotStateFault", "InvalidDBClusterStateFault") {
		return &asr.Error{Code: asr.CodeUnavailable, Err: err, Do: "wait; the step is tried again by itself. If it lasts, see what else uses the snapshot or the cluster " + on.Name + suffix}
	}
	if why := remedy.Judge(err); from.Restored && err != nil && asr.Classify(why) != asr.CodeInternal {
		return &asr.Error{Code: asr.Classify(why), Err: err, Do: asr.Advice(why) + "; the cluster " + on.Name + suffix + ", made for the copy, stays meanwhile: the next run goes on from it"}
	}
	return err
}

// nextCopy: the plain snapshot goes last, when nothing that was made on the way
// is left.
func nextCopy(ctx context.Context, cfg aws.Config, on remedy.On[key], from copies) error {
	switch cluster := ofCluster(on.Target); {
	case !from.Encrypted && !cluster:
		return copyInstance(ctx, cfg, on)
	case !from.Encrypted && !from.Restored:
		return restoreCluster(ctx, cfg, on)
	case !from.Encrypted:
		return snapshotRestored(ctx, cfg, on)
	case from.Restored:
		return deleteRestored(ctx, cfg, on)
	}
	return deletePlain(ctx, cfg, on.Target)
}

// copyInstance copies an instance's snapshot with a key.
func copyInstance(ctx context.Context, cfg aws.Config, on remedy.On[key]) error {
	plain, err := find(ctx, cfg, on.Target, on.Name)
	if err != nil || plain == nil {
		return err
	}
	_, err = rds.NewFromConfig(cfg).CopyDBSnapshot(ctx, &rds.CopyDBSnapshotInput{
		SourceDBSnapshotIdentifier: aws.String(on.Expand(snapshot)), TargetDBSnapshotIdentifier: aws.String(on.Name + suffix), KmsKeyId: &on.Params.Key, Tags: tagged(plain.Tags, descent(on, plain)),
	})
	return remedy.Unless(err, "DBSnapshotAlreadyExists")
}

// descent is what shows that something was made of a snapshot, and by which run.
func descent(on remedy.On[key], plain *kept) map[string]string {
	tags := on.Call.Tags()
	tags[sourceTag] = identity(plain, on.Target)
	return tags
}

func deletePlain(ctx context.Context, cfg aws.Config, t asr.Target) error {
	api := rds.NewFromConfig(cfg)
	if ofCluster(t) {
		_, err := api.DeleteDBClusterSnapshot(ctx, &rds.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: &t.Name})
		return remedy.Unless(err, noClusterSnapshot...)
	}
	_, err := api.DeleteDBSnapshot(ctx, &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: &t.Name})
	return remedy.Unless(err, noSnapshot...)
}
