package rds

import (
	"testing"

	"example.com/asr/remedytest"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
)

func TestEncryptSnapshotUnderAnIAMThatIsEnforced(t *testing.T) {
	t.Parallel()
	acct := remedytest.NewEnforcedAccount(t)
	api := newSnapshots(t, acct, "snap")
	remedytest.Lifecycle(t, acct, EncryptSnapshot, remedytest.Case{
		Control: "RDS.4", Resource: acct.Expand(snapshot, "snap"), Want: []string{"encrypted: false → true", "plain: true → false"}, Made: []string{acct.Expand(snapshot, "snap-encrypted")},
		View: acct.Boto("rds", "describe_db_snapshots", nil, "DBSnapshots"), Seen: []string{"[]: "},
		Gone: func() {
			_, err := api.DeleteDBSnapshot(t.Context(), &rds.DeleteDBSnapshotInput{DBSnapshotIdentifier: aws.String("snap-encrypted")})
			remedytest.Must(t, 0, err)
		},
	})
}
