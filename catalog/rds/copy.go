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

// isCopy reports whether a snapshot carries the tag of a copy of this one.
func isCopy(c, plain *types.DBSnapshot, on remedy.On[key]) bool {
	of := on.Expand(snapshot)
	if plain != nil {
		of = identity(plain, on)
	}
	for _, t := range c.TagList {
		if aws.ToString(t.Key) == sourceTag && aws.ToBool(c.Encrypted) && strings.HasPrefix(aws.ToString(t.Value), of) {
			return true
		}
	}
	return false
}

func identity(s *types.DBSnapshot, on remedy.On[key]) string {
	return on.Expand(snapshot) + "@" + aws.ToTime(s.SnapshotCreateTime).UTC().Format(time.RFC3339)
}

// find returns a finished snapshot, nil if there is none.
func find(ctx context.Context, cfg aws.Config, id string) (*types.DBSnapshot, error) {
	out, err := rds.NewFromConfig(cfg).DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &id})
	if err != nil || len(out.DBSnapshots) == 0 {
		return nil, remedy.Unless(err, "DBSnapshotNotFound", "DBSnapshotNotFoundFault")
	}
	s := out.DBSnapshots[0]
	if aws.ToString(s.Status) != "available" {
		return nil, asr.ErrSettling
	}
	return &s, nil
}
