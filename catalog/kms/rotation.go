// Package kms fixes KMS.
package kms

import (
	"cmp"
	"context"
	"errors"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	key      = "arn:{partition}:kms:{region}:{account}:key/{name}"
	aYear    = 365 // days: KMS's own period
	shortest = 90  // https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html
	longest  = 2560
)

type period struct {
	PeriodDays int32 `json:"periodDays,omitempty" doc:"Days between rotations, 90 to 2560; a key that rotates more often stays as it is. 0: AWS's default of 365, and any period is right."`
}

type rotation struct {
	On      bool   `json:"on"`
	Period  int32  `json:"period,omitempty"`  // days; 0 while it is off
	Refusal string `json:"refusal,omitempty"` // why KMS wouldn't rotate this key
	Do      string `json:"do,omitempty"`
}

// Rotation lets KMS renew a key's material by itself.
var Rotation = remedy.Unit[period, rotation]{
	Spec: asr.Spec{
		ID: "kms-rotation", Version: 1,
		Title:  "Rotate KMS keys",
		Impact: "KMS makes new key material once a period. Nobody who uses the key notices: its ARN stays, and what the old material encrypted can still be decrypted. Put back, it rotates no more, but what was rotated stays so.",
		Risk:   asr.RiskLow, RiskWhy: "rotation doesn't show to those who use the key",
		Cost:  "1 USD a month more after each of the first two rotations of a key",
		Scope: asr.ScopeResource, Resources: []string{key},
		Reads:  []asr.Grant{asr.Allow(key, "kms:DescribeKey", "kms:GetKeyRotationStatus")},
		Writes: []asr.Grant{asr.Allow(key, "kms:EnableKeyRotation", "kms:DisableKeyRotation")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]period{"KMS.4": {}},
	Validate: func(on remedy.On[period]) error {
		if p := on.Params.PeriodDays; p != 0 && (p < shortest || p > longest) {
			return errors.New("periodDays must be from 90 to 2560, or 0 for AWS's default")
		}
		return nil
	},
	Read: readRotation,
	Want: func(on remedy.On[period], now rotation) (rotation, error) {
		most := on.Params.PeriodDays
		switch {
		case now.Refusal != "":
			return now, asr.Refuse(now.Refusal, now.Do)
		case now.On && (most == 0 || now.Period <= most):
			return now, nil
		case most == 0:
			most = aYear
		}
		return rotation{On: true, Period: most}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[period], _, to rotation) (err error) {
		api, arn := kms.NewFromConfig(cfg), on.Expand(key)
		if to.On {
			_, err = api.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: &arn, RotationPeriodInDays: &to.Period})
		} else {
			_, err = api.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: &arn})
		}
		return err
	},
}

func readRotation(ctx context.Context, cfg aws.Config, on remedy.On[period]) (now rotation, err error) {
	api, arn := kms.NewFromConfig(cfg), on.Expand(key)
	out, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn})
	if err != nil {
		return now, remedy.Gone(err, "NotFoundException")
	}
	switch out.KeyMetadata.KeyState {
	case types.KeyStateCreating, types.KeyStateUpdating:
		return now, asr.ErrSettling
	}
	if now.Refusal, now.Do = cannot(out.KeyMetadata); now.Refusal != "" {
		return now, nil
	}
	status, err := api.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: &arn})
	if err != nil || !status.KeyRotationEnabled {
		return now, err
	}
	return rotation{On: true, Period: aws.ToInt32(cmp.Or(status.RotationPeriodInDays, aws.Int32(aYear)))}, nil
}

// cannot says why a key can't be made to rotate, and what to do instead:
// https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
func cannot(k *types.KeyMetadata) (why, do string) {
	replace := "make a new key by hand from time to time and move the key's alias to it, or suppress the finding"
	switch {
	case k.KeyManager == types.KeyManagerTypeAws:
		return "AWS manages this key and rotates it every year", "suppress the finding"
	case k.KeyState == types.KeyStatePendingDeletion || k.KeyState == types.KeyStatePendingReplicaDeletion:
		return "the key waits to be deleted", "nothing, or cancel its deletion and plan again"
	case k.KeySpec != types.KeySpecSymmetricDefault:
		return "KMS rotates symmetric encryption keys only, and this key is " + string(k.KeySpec), replace
	case k.Origin == types.OriginTypeExternal:
		return "the key's material was imported, so KMS can't make the next", "import new material and rotate on demand, or suppress the finding"
	case k.Origin != types.OriginTypeAwsKms:
		return "the key's material lives in a custom key store, where KMS can't rotate it", replace
	case k.MultiRegionConfiguration != nil && k.MultiRegionConfiguration.MultiRegionKeyType == types.MultiRegionKeyTypeReplica:
		return "the key is a replica, which rotates with its primary key", "remediate " + aws.ToString(k.MultiRegionConfiguration.PrimaryKey.Arn)
	case k.KeyState != types.KeyStateEnabled:
		return "the key is " + string(k.KeyState) + ", and only an enabled key can be told to rotate", "enable the key, or schedule its deletion"
	}
	return "", ""
}
