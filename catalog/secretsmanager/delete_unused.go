// Package secretsmanager fixes Secrets Manager.
package secretsmanager

import (
	"context"
	"errors"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// secret is a secret's ARN; {name} ends in six characters that AWS adds.
const secret = "arn:{partition}:secretsmanager:{region}:{account}:secret:{name}"

type limits struct {
	UnusedDays   int   `json:"unusedDays" doc:"Days without a reader after which a secret goes, 1 to 365."`
	RecoveryDays int64 `json:"recoveryDays" doc:"Days in which the deleted secret can be put back, 7 to 30."`
}

type life struct {
	Deleted bool   `json:"deleted"`           // waits for its end, unreadable; restorable until then
	Unused  int    `json:"unused"`            // whole days since the last read, or since it was made if there was none; for judging only
	Refusal string `json:"refusal,omitempty"` // why Secrets Manager wouldn't delete it
}

// DeleteUnused schedules the deletion of a secret that nobody reads.
var DeleteUnused = remedy.Unit[limits, life]{
	Spec: asr.Spec{
		ID: "secretsmanager-delete-unused", Version: 1,
		Title:  "Delete unused secrets",
		Impact: "The secret can't be read any more from now on, and is deleted for good when the recovery window ends (30 days unless set otherwise). Until then undo restores it with all its versions; after that nobody can.",
		Risk:   asr.RiskHigh, RiskWhy: "a secret for a yearly job or an emergency is not read for long and yet is needed",
		Interrupts: "whoever needs the secret, until it is restored",
		Scope:      asr.ScopeResource, Resources: []string{secret},
		Reads:  []asr.Grant{asr.Allow(secret, "secretsmanager:DescribeSecret")},
		Writes: []asr.Grant{asr.Allow(secret, "secretsmanager:DeleteSecret", "secretsmanager:RestoreSecret")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]limits{"SecretsManager.3": {90, 30}},
	Validate: func(on remedy.On[limits]) error {
		switch p := on.Params; {
		case p.UnusedDays < 1 || p.UnusedDays > 365:
			return errors.New("unusedDays must be from 1 to 365")
		case p.RecoveryDays < 7 || p.RecoveryDays > 30: // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
			return errors.New("recoveryDays must be from 7 to 30")
		}
		return nil
	},
	Read: readLife,
	Want: func(on remedy.On[limits], now life) (life, error) {
		switch {
		case now.Deleted || now.Unused < on.Params.UnusedDays:
			return now, nil
		case now.Refusal != "":
			return now, asr.Refuse(now.Refusal, "delete it where it is kept, or suppress the finding")
		}
		now.Deleted = true
		return now, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[limits], _, to life) (err error) {
		api, arn := secretsmanager.NewFromConfig(cfg), on.Expand(secret)
		if to.Deleted {
			_, err = api.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &arn, RecoveryWindowInDays: &on.Params.RecoveryDays})
		} else {
			_, err = api.RestoreSecret(ctx, &secretsmanager.RestoreSecretInput{SecretId: &arn})
		}
		return err
	},
}

func readLife(ctx context.Context, cfg aws.Config, on remedy.On[limits]) (now life, err error) {
	out, err := secretsmanager.NewFromConfig(cfg).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String(on.Expand(secret))})
	if err != nil {
		return now, remedy.Gone(err, "ResourceNotFoundException")
	}
	at, err := remedy.AnsweredAt(out.ResultMetadata)
	if err != nil {
		return now, err
	}
	read := aws.ToTime(out.CreatedDate)
	if out.LastAccessedDate != nil {
		read = *out.LastAccessedDate
	}
	return life{Deleted: out.DeletedDate != nil, Unused: int(at.Sub(read).Hours() / 24), Refusal: refusal(out, on.Region)}, nil
}

// refusal says why Secrets Manager wouldn't delete a secret here:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
func refusal(s *secretsmanager.DescribeSecretOutput, region string) string {
	primary := aws.ToString(s.PrimaryRegion)
	switch {
	case aws.ToString(s.OwningService) != "":
		return "the secret belongs to " + *s.OwningService + ", which uses and deletes it"
	case primary != "" && primary != region:
		return "the secret is a replica of one in " + primary
	case len(s.ReplicationStatus) > 0:
		return "the secret has a replica in " + aws.ToString(s.ReplicationStatus[0].Region) + ", which may well be in use"
	}
	return ""
}
