package rds

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedy"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// newCluster makes a cluster that may be deleted and is not encrypted.
func newCluster(t *testing.T, acct *remedytest.Account, name, engine string) types.DBCluster {
	api := rds.NewFromConfig(acct.Config)
	in := &rds.CreateDBClusterInput{
		DBClusterIdentifier: &name, Engine: &engine, AutoMinorVersionUpgrade: aws.Bool(false), BackupRetentionPeriod: aws.Int32(9), PreferredMaintenanceWindow: aws.String("sun:03:00-sun:04:00"),
		MasterUsername: aws.String("root"), MasterUserPassword: aws.String("secret99"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
	}
	if engine == "postgres" { // a Multi-AZ cluster
		in.DBClusterInstanceClass, in.StorageType, in.Iops, in.AllocatedStorage = aws.String("db.m6gd.large"), aws.String("io1"), aws.Int32(1000), aws.Int32(100)
	}
	_, err := api.CreateDBCluster(t.Context(), in)
	remedytest.Must(t, name, err)
	out, err := api.DescribeDBClusters(t.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: &name}) // it is being created until somebody looks
	return remedytest.Must(t, out, err).DBClusters[0]
}

// memberOf makes an instance of a cluster.
func memberOf(c types.DBCluster) func(*rds.CreateDBInstanceInput) {
	return func(in *rds.CreateDBInstanceInput) {
		in.DBClusterIdentifier, in.Engine, in.AllocatedStorage, in.MasterUsername, in.MasterUserPassword = c.DBClusterIdentifier, c.Engine, nil, nil, nil
	}
}

// lookCluster is a whole cluster; LatestRestorableTime goes with the clock.
func lookCluster(acct *remedytest.Account, name string) remedytest.View {
	return acct.Boto("rds", "describe_db_clusters", map[string]any{"DBClusterIdentifier": name}, "DBClusters.0").Without("LatestRestorableTime")
}

func changeCluster(t *testing.T, acct *remedytest.Account, in rds.ModifyDBClusterInput) func() {
	return func() {
		_, err := rds.NewFromConfig(acct.Config).ModifyDBCluster(t.Context(), &in)
		remedytest.Must(t, 0, err)
	}
}

func dropCluster(t *testing.T, acct *remedytest.Account, name string) func() {
	return func() {
		_, err := rds.NewFromConfig(acct.Config).DeleteDBCluster(t.Context(), &rds.DeleteDBClusterInput{DBClusterIdentifier: &name, SkipFinalSnapshot: aws.Bool(true)})
		remedytest.Must(t, 0, err)
	}
}

func stopCluster(t *testing.T, acct *remedytest.Account, name string) {
	_, err := rds.NewFromConfig(acct.Config).StopDBCluster(t.Context(), &rds.StopDBClusterInput{DBClusterIdentifier: &name})
	remedytest.Must(t, 0, err)
}

func TestClustersAreKnownByARNOrResourceID(t *testing.T) {
	t.Parallel()
	for id, known := range map[string]bool{
		"arn:aws:rds:eu-west-1:111111111111:cluster:shop":                                 true,
		"arn:aws-cn:rds:cn-north-1:111111111111:cluster:shop":                             true,
		"arn:aws:rds:eu-west-1:111111111111:dbcluster:cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ": true,
		"cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ":                                              true,
		"arn:aws:rds::111111111111:global-cluster:shop":                                   false,
		"arn:aws:rds:eu-west-1:111111111111:cluster-snapshot:shop":                        false,
		"arn:aws:rds:eu-west-1:111111111111:db:shop":                                      false,
		"arn:aws:rds:eu-west-1:222222222222:cluster:somebody-elses":                       false,
		"db-ABCDEFGHIJKLMNOPQRSTUVWXYZ":                                                   false,
		"shop":                                                                            false,
	} {
		for _, spec := range []asr.Spec{ClusterDeletionProtection.Spec, ClusterCopyTags.Spec} {
			if _, err := spec.Locate("111111111111", "eu-west-1", asr.Resource{ID: id}); (err == nil) != known {
				t.Errorf("%s, %s: %v", spec.ID, id, err)
			}
		}
	}
}

func TestAClusterResourceIDThatNobodyHasIsGone(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	newCluster(t, acct, "shop", "aurora-mysql")
	on := remedy.On[none]{Target: asr.Target{Partition: "aws", Account: acct.ID, Region: acct.Region, ID: "cluster-NOBODY"}}
	if got, err := ClusterCopyTags.Resolve(t.Context(), acct.Config, on); err != asr.ErrGone {
		t.Errorf("got %+v, %v, want gone", got, err)
	}
}
