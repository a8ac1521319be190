package rds

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

const (
	snapshot        = "arn:{partition}:rds:{region}:{account}:snapshot:{name}"
	clusterSnapshot = "arn:{partition}:rds:{region}:{account}:cluster-snapshot:{name}"
)

// clusterSnapshotID tells a cluster's snapshot, whose name may be that of an
// instance's too: they are apart in RDS. AWS Config writes its ARN another way.
var clusterSnapshotID = regexp.MustCompile(`^arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:(cluster-snapshot|dbclustersnapshot):.+$`)

// noSnapshot and noClusterSnapshot are how RDS says that there is none.
var (
	noSnapshot        = []string{"DBSnapshotNotFound", "DBSnapshotNotFoundFault"}
	noClusterSnapshot = []string{"DBClusterSnapshotNotFoundFault", "DBClusterSnapshotNotFound"}
)

// resolveSnapshot names a cluster's snapshot as it names an instance's: without
// its kind, which the ARN keeps.
func resolveSnapshot[P any](_ context.Context, _ aws.Config, on remedy.On[P]) (asr.Target, error) {
	if on.Name != "" {
		return on.Target, nil
	}
	clusters := asr.Spec{
		ID: "cluster snapshots", Scope: asr.ScopeResource, Resources: []string{clusterSnapshot, strings.Replace(clusterSnapshot, "cluster-snapshot", "dbclustersnapshot", 1)},
	}
	return clusters.Locate(on.Account, on.Region, asr.Resource{ID: on.ID})
}

// ofCluster reports whether a snapshot is a cluster's.
func ofCluster(t asr.Target) bool { return strings.Contains(t.ID, ":cluster-snapshot:") }

// arnOf is a snapshot's ARN.
func arnOf(t asr.Target) string {
	if ofCluster(t) {
		return t.Expand(clusterSnapshot)
	}
	return t.Expand(snapshot)
}

// kept is a snapshot, an instance's or a cluster's.
type kept struct {
	Encrypted             bool
	Failed                bool // holds nothing that could be restored
	Made                  time.Time
	Tags                  []types.Tag
	Engine, Version, Mode string // of a cluster's
}

// find returns a finished snapshot of a target's kind, nil if there is none.
func find(ctx context.Context, cfg aws.Config, t asr.Target, name string) (*kept, error) {
	api, kind, status := rds.NewFromConfig(cfg), kindOf(name), ""
	var found *kept
	if ofCluster(t) {
		out, err := api.DescribeDBClusterSnapshots(ctx, &rds.DescribeDBClusterSnapshotsInput{DBClusterSnapshotIdentifier: &name, SnapshotType: kind})
		if err != nil || len(out.DBClusterSnapshots) == 0 {
			return nil, remedy.Unless(err, noClusterSnapshot...)
		}
		s := out.DBClusterSnapshots[0]
		status = aws.ToString(s.Status)
		found = &kept{aws.ToBool(s.StorageEncrypted), false, aws.ToTime(s.SnapshotCreateTime), s.TagList, aws.ToString(s.Engine), aws.ToString(s.EngineVersion), aws.ToString(s.EngineMode)}
	} else {
		out, err := api.DescribeDBSnapshots(ctx, &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: &name, SnapshotType: kind})
		if err != nil || len(out.DBSnapshots) == 0 {
			return nil, remedy.Unless(err, noSnapshot...)
		}
		s := out.DBSnapshots[0]
		status = aws.ToString(s.Status)
		found = &kept{Encrypted: aws.ToBool(s.Encrypted), Made: aws.ToTime(s.SnapshotCreateTime), Tags: s.TagList}
	}
	found.Failed = status == "failed" || strings.HasPrefix(status, "incompatible-")
	if status != "available" && !found.Failed {
		return nil, asr.ErrSettling
	}
	return found, nil
}

// kindOf is the type that RDS wants to be told with the name of a snapshot that
// nobody made by hand:
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
func kindOf(name string) *string {
	switch prefix, _, _ := strings.Cut(name, ":"); prefix {
	case name:
		return nil
	case "rds":
		return aws.String("automated")
	default:
		return aws.String(prefix) // awsbackup
	}
}

// tagged is a list of tags with others added; AWS's own can't be given.
func tagged(tags []types.Tag, more map[string]string) (all []types.Tag) {
	for _, t := range tags {
		k := aws.ToString(t.Key)
		if _, ours := more[k]; !ours && !strings.HasPrefix(k, "aws:") && !strings.HasPrefix(k, "rds:") {
			all = append(all, t)
		}
	}
	for k, v := range more {
		all = append(all, types.Tag{Key: &k, Value: &v})
	}
	slices.SortFunc(all, func(a, b types.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return all
}
