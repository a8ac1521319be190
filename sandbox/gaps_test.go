package sandbox

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	secrettypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func TestKeysKeepTheirRotationPeriod(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := kms.NewFromConfig(s.Config(memberA, here))
	k, err := c.CreateKey(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	status := func() *kms.GetKeyRotationStatusOutput {
		out, err := c.GetKeyRotationStatus(t.Context(), &kms.GetKeyRotationStatusInput{KeyId: k.KeyMetadata.Arn})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := status(); got.KeyRotationEnabled || got.RotationPeriodInDays != nil {
		t.Errorf("before: %+v", got)
	}
	if _, err := c.EnableKeyRotation(t.Context(), &kms.EnableKeyRotationInput{KeyId: k.KeyMetadata.KeyId, RotationPeriodInDays: aws.Int32(180)}); err != nil {
		t.Fatal(err)
	}
	if got := status(); !got.KeyRotationEnabled || aws.ToInt32(got.RotationPeriodInDays) != 180 {
		t.Errorf("after: %+v", got)
	}
	if calls := s.Calls(); !calls[len(calls)-1].Overlay {
		t.Error("a patched answer is not marked")
	}
}

func TestOnlyPublicSnapshotsAreRestorableByAll(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := ec2.NewFromConfig(s.Config(memberA, here))
	v, err := c.CreateVolume(t.Context(), &ec2.CreateVolumeInput{AvailabilityZone: aws.String("us-east-1a"), Size: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 2 {
		snap, err := c.CreateSnapshot(t.Context(), &ec2.CreateSnapshotInput{VolumeId: v.VolumeId})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, *snap.SnapshotId)
	}
	_, err = c.ModifySnapshotAttribute(t.Context(), &ec2.ModifySnapshotAttributeInput{
		SnapshotId: &ids[0], Attribute: ec2types.SnapshotAttributeNameCreateVolumePermission, OperationType: ec2types.OperationTypeAdd, GroupNames: []string{"all"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		in   *ec2.DescribeSnapshotsInput
		want []string
	}{
		{"by all", &ec2.DescribeSnapshotsInput{RestorableByUserIds: []string{"all"}, OwnerIds: []string{"self"}}, ids[:1]},
		{"by itself", &ec2.DescribeSnapshotsInput{RestorableByUserIds: []string{"self"}, SnapshotIds: ids}, ids},
		{"without the filter", &ec2.DescribeSnapshotsInput{SnapshotIds: ids}, ids},
	} {
		out, err := c.DescribeSnapshots(t.Context(), row.in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, snap := range out.Snapshots {
			got = append(got, *snap.SnapshotId)
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(row.want)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", row.name, got, want)
		}
	}
}

func TestBackdatedKeysPasswordsAndSecrets(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, old, older := t.Context(), time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2023, 1, 2, 3, 4, 5, 0, time.UTC)
	users, vault := iam.NewFromConfig(s.Config(memberA, here)), secretsmanager.NewFromConfig(s.Config(memberA, there))
	if _, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("u")}); err != nil {
		t.Fatal(err)
	}
	k, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("u")})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := vault.CreateSecret(ctx, &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("x")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := vault.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String("s"), RotationRules: &secrettypes.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)}}); err != nil {
		t.Fatal(err)
	}
	key := *k.AccessKey.AccessKeyId
	for _, b := range []struct {
		kind, id string
		when     time.Time
	}{
		{AccessKeyCreated, key, older}, {AccessKeyUsed, key, old}, {UserCreated, "u", older}, {PasswordUsed, "u", old},
		{SecretCreated, "s", older}, {SecretAccessed, *secret.ARN, old}, {SecretChanged, "s", older}, {SecretRotated, "s", older},
	} {
		if err := s.Backdate(ctx, memberA, b.kind, b.id, b.when); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := users.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: aws.String("u")})
	if err != nil || !keys.AccessKeyMetadata[0].CreateDate.Equal(older) {
		t.Errorf("key %v (%v)", keys, err)
	}
	used, err := users.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: &key})
	if err != nil || !used.AccessKeyLastUsed.LastUsedDate.Equal(old) {
		t.Errorf("use %v (%v)", used, err)
	}
	u, err := users.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("u")})
	if err != nil || !u.User.CreateDate.Equal(older) || !aws.ToTime(u.User.PasswordLastUsed).Equal(old) {
		t.Errorf("user %v (%v)", u, err)
	}
	d, err := vault.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
	if err != nil || !d.CreatedDate.Equal(older) || !aws.ToTime(d.LastAccessedDate).Equal(old) || !aws.ToTime(d.LastChangedDate).Equal(older) || !aws.ToTime(d.LastRotatedDate).Equal(older) {
		t.Errorf("secret %+v (%v)", d, err)
	}
	list, err := vault.ListSecrets(ctx, nil)
	if err != nil || !aws.ToTime(list.SecretList[0].LastAccessedDate).Equal(old) {
		t.Errorf("secrets %+v (%v)", list, err)
	}
	if err := s.Backdate(ctx, memberB, SecretAccessed, "s", old); err == nil {
		t.Error("another account's secret was backdated")
	}
	if err := s.Backdate(ctx, memberA, "secret.eaten", "s", old); err == nil {
		t.Error("an unknown kind was taken")
	}
}

func TestReadingASecretIsRemembered(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := secretsmanager.NewFromConfig(s.Config(memberA, here))
	if _, err := c.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("s"), SecretString: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	in := &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")}
	if d, err := c.DescribeSecret(t.Context(), in); err != nil || d.LastAccessedDate != nil {
		t.Errorf("before: %v (%v)", d, err)
	}
	if _, err := c.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	if d, err := c.DescribeSecret(t.Context(), in); err != nil || d.LastAccessedDate == nil || time.Since(*d.LastAccessedDate) > 25*time.Hour {
		t.Errorf("after: %v (%v)", d, err)
	}
}

func TestSlowDatabasesSettle(t *testing.T) {
	t.Parallel()
	s := start(t)
	c := rds.NewFromConfig(s.Config(memberA, here))
	ids := map[string]bool{}
	for _, id := range []string{"d-1", "d-2"} {
		out, err := c.CreateDBInstance(t.Context(), &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: &id, DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("mysql"), AllocatedStorage: aws.Int32(20),
			MasterUsername: aws.String("m"), MasterUserPassword: aws.String("secret-1"),
		})
		if err != nil {
			t.Fatal(err)
		}
		ids[*out.DBInstance.DbiResourceId] = true
	}
	if len(ids) != 2 {
		t.Errorf("two instances share a resource id: %v", ids)
	}
	if _, err := c.CreateDBSnapshot(t.Context(), &rds.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("d-1"), DBSnapshotIdentifier: aws.String("s-1")}); err != nil {
		t.Fatal(err)
	}
	instance := func(id string) string {
		out, err := c.DescribeDBInstances(t.Context(), &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &id})
		if err != nil {
			t.Fatal(err)
		}
		return *out.DBInstances[0].DBInstanceStatus
	}
	snapshot := func() string {
		out, err := c.DescribeDBSnapshots(t.Context(), &rds.DescribeDBSnapshotsInput{DBSnapshotIdentifier: aws.String("s-1")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.DBSnapshots[0].Status
	}
	s.Slow(2)
	var got []string
	for range 3 {
		got = append(got, instance("d-1"))
	}
	got = append(got, instance("d-2"))
	if _, err := c.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{DBInstanceIdentifier: aws.String("d-1"), DeletionProtection: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	got = append(got, instance("d-1"), snapshot(), snapshot(), snapshot())
	s.Slow(0)
	got = append(got, instance("d-1"))
	want := []string{"modifying", "modifying", "available", "modifying", "modifying", "creating", "creating", "available", "available"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
