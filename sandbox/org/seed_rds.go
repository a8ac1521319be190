package org

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// database is an encrypted PostgreSQL instance.
type database struct {
	name   string
	tags   tags
	public bool // reachable from the internet: wrong
	single bool // in one Availability Zone: wrong
}

func (d database) build(ctx context.Context, b *site) error {
	arn := b.arn("rds", "db:"+d.name)
	if d.public {
		b.wrong("RDS.2", arn, "the database is reachable from the internet")
	} else if d.single {
		b.wrong("RDS.5", arn, "the database is in one Availability Zone")
	}
	in := b.postgres(d.name, d.tags, true)
	in.PubliclyAccessible, in.MultiAZ = &d.public, aws.Bool(!d.single)
	_, err := rds.NewFromConfig(b.Config).CreateDBInstance(ctx, in)
	return err
}

// postgres is an instance in the site's network.
func (b *site) postgres(name string, t tags, encrypted bool) *rds.CreateDBInstanceInput {
	return &rds.CreateDBInstanceInput{
		DBInstanceIdentifier: &name, DBInstanceClass: aws.String("db.t4g.medium"), Engine: aws.String("postgres"), AllocatedStorage: aws.Int32(20),
		MasterUsername: aws.String("postgres"), MasterUserPassword: aws.String("Correct-Horse-7"), StorageEncrypted: &encrypted, VpcSecurityGroupIds: []string{b.group}, Tags: rdsTags(t),
	}
}

func rdsTags(t tags) []rdstypes.Tag {
	return as(t, func(key, value *string) rdstypes.Tag { return rdstypes.Tag{Key: key, Value: value} })
}

// leftover is the unencrypted snapshot of a database that is gone.
type leftover struct {
	name string
	tags tags
}

func (l leftover) build(ctx context.Context, b *site) error {
	api, source := rds.NewFromConfig(b.Config), aws.String("shop-legacy")
	if _, err := api.CreateDBInstance(ctx, b.postgres(*source, l.tags, false)); err != nil {
		return err
	}
	if _, err := api.CreateDBSnapshot(ctx, &rds.CreateDBSnapshotInput{DBInstanceIdentifier: source, DBSnapshotIdentifier: &l.name, Tags: rdsTags(l.tags)}); err != nil {
		return err
	}
	b.wrong("RDS.4", b.arn("rds", "snapshot:"+l.name), "the snapshot of a retired database is not encrypted")
	_, err := api.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: source, SkipFinalSnapshot: aws.Bool(true), DeleteAutomatedBackups: aws.Bool(true)})
	return err
}
