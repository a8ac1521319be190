package rds

import (
	"testing"

	"example.com/asr"
	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// newSnapshots makes snapshots of a database that is not encrypted.
func newSnapshots(t *testing.T, acct *remedytest.Account, names ...string) *rds.Client {
	api := rds.NewFromConfig(acct.Config)
	_, err := api.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: aws.String("db"), DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("postgres"),
		MasterUsername: aws.String("root"), MasterUserPassword: aws.String("secret99"), AllocatedStorage: aws.Int32(20),
	})
	remedytest.Must(t, names, err)
	for _, name := range names {
		_, err := api.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{
			DBInstanceIdentifier: aws.String("db"), DBSnapshotIdentifier: &name, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("a")}},
		})
		remedytest.Must(t, name, err)
	}
	return api
}

func TestEncryptSnapshot(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "snap")
	remedytest.Lifecycle(t, acct, EncryptSnapshot, remedytest.Case{
		Control: "RDS.4", Resource: acct.Expand(snapshot, "snap"), Want: []string{"encrypted: false → true", "plain: true → false"},
		Gone: func() {
			_, err := api.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: aws.String("snap-encrypted")})
			remedytest.Must(t, 0, err)
		},
	})
}

func TestASnapshotOfTheRightNameIsNoProof(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewAccount(t)
	api := newSnapshots(t, acct, "snap", "other")
	_, err := api.CopyDBSnapshot(t.Context(), &rds.CopyDBSnapshotInput{SourceDBSnapshotIdentifier: aws.String("other"), TargetDBSnapshotIdentifier: aws.String("snap-encrypted"), KmsKeyId: aws.String("alias/aws/rds")})
	remedytest.Must(t, 0, err)
	h := remedytest.NewHarness(acct, EncryptSnapshot)
	r, err := h.Request(t.Context(), remedytest.Case{Control: "RDS.4", Resource: acct.Expand(snapshot, "snap")}, false)
	r, err2 := h.Drive(t.Context(), remedytest.Must(t, r, err).ID)
	if err2 != nil || r.State != asr.StateCannotPlan || r.Error.Code != asr.CodeRefused {
		t.Errorf("the run ended %s: %+v %v, want cannot_plan", r.State, r.Error, err2)
	}
}
