package ec2

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// encryption says whether new EBS volumes are encrypted unasked.
type encryption struct {
	Default bool `json:"default"`
}

// EBSEncryptionDefault lets a Region encrypt new EBS volumes by default.
var EBSEncryptionDefault = remedy.Unit[none, encryption]{
	Spec: asr.Spec{
		ID: "ec2-ebs-encryption-default", Version: 1,
		Title:  "Encrypt new EBS volumes by default",
		Impact: "New volumes and copies of snapshots in the Region are encrypted with the account's default EBS key. Who makes them needs the right to use that key, and their snapshots can only be shared if it is a customer managed one. Existing volumes stay as they are. Volumes made before the fix is undone stay encrypted.",
		Risk:   asr.RiskMedium, RiskWhy: "automation without rights on the key can't make volumes any more, and snapshots under the AWS managed key can't be shared",
		Scope:  asr.ScopeRegion,
		Reads:  []asr.Grant{asr.Allow("*", "ec2:GetEbsEncryptionByDefault")},
		Writes: []asr.Grant{asr.Allow("*", "ec2:EnableEbsEncryptionByDefault", "ec2:DisableEbsEncryptionByDefault")},
		Settle: time.Second,
	},
	Controls: map[string]none{"EC2.7": {}},
	Read: func(ctx context.Context, cfg aws.Config, _ remedy.On[none]) (encryption, error) {
		out, err := ec2.NewFromConfig(cfg).GetEbsEncryptionByDefault(ctx, &ec2.GetEbsEncryptionByDefaultInput{})
		if err != nil {
			return encryption{}, err
		}
		return encryption{aws.ToBool(out.EbsEncryptionByDefault)}, nil
	},
	Want: func(remedy.On[none], encryption) (encryption, error) { return encryption{true}, nil },
	Write: func(ctx context.Context, cfg aws.Config, _ remedy.On[none], _, to encryption) (err error) {
		api := ec2.NewFromConfig(cfg)
		if to.Default {
			_, err = api.EnableEbsEncryptionByDefault(ctx, &ec2.EnableEbsEncryptionByDefaultInput{})
		} else {
			_, err = api.DisableEbsEncryptionByDefault(ctx, &ec2.DisableEbsEncryptionByDefaultInput{})
		}
		return err
	},
}
