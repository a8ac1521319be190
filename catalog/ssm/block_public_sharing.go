package ssm

import (
	"context"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

const (
	publicSharing = "/ssm/documents/console/public-sharing-permission"
	publicSetting = "arn:{partition}:ssm:{region}:{account}:servicesetting" + publicSharing
	blocked       = "Disable"
)

type permission struct {
	PublicSharing string `json:"publicSharing"` // "Disable", "Enable", or "" for AWS's default, which lets documents be shared
}

// BlockPublicSharing keeps documents of a Region from being shared with everyone.
var BlockPublicSharing = remedy.Unit[none, permission]{
	Spec: asr.Spec{
		ID: "ssm-block-public-sharing", Version: 1,
		Title:  "Block public sharing of Systems Manager documents",
		Impact: "Nobody in the account can share a document of this Region with everyone any more. Documents that are public already stay so: ssm-documents-private makes them private.",
		Risk:   asr.RiskLow, RiskWhy: "only what would be shared with everyone from now on is refused",
		Scope:  asr.ScopeRegion,
		Reads:  []asr.Grant{asr.Allow(publicSetting, "ssm:GetServiceSetting")},
		Writes: []asr.Grant{asr.Allow(publicSetting, "ssm:UpdateServiceSetting", "ssm:ResetServiceSetting")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"SSM.7": {}},
	Read: func(ctx context.Context, cfg aws.Config, _ remedy.On[none]) (p permission, err error) {
		out, err := ssm.NewFromConfig(cfg).GetServiceSetting(ctx, &ssm.GetServiceSettingInput{SettingId: aws.String(publicSharing)})
		switch {
		case err != nil:
			return p, err
		case out.ServiceSetting == nil || aws.ToString(out.ServiceSetting.Status) == "PendingUpdate":
			return p, asr.ErrSettling
		}
		value := aws.ToString(out.ServiceSetting.SettingValue)
		if aws.ToString(out.ServiceSetting.Status) == "Default" && value != blocked {
			value = ""
		}
		return permission{value}, nil
	},
	Want: func(remedy.On[none], permission) (permission, error) { return permission{blocked}, nil },
	Write: func(ctx context.Context, cfg aws.Config, _ remedy.On[none], _, to permission) (err error) {
		api := ssm.NewFromConfig(cfg)
		if to.PublicSharing == "" {
			_, err = api.ResetServiceSetting(ctx, &ssm.ResetServiceSettingInput{SettingId: aws.String(publicSharing)})
		} else {
			_, err = api.UpdateServiceSetting(ctx, &ssm.UpdateServiceSettingInput{SettingId: aws.String(publicSharing), SettingValue: &to.PublicSharing})
		}
		return err
	},
}
