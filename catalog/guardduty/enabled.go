// Package guardduty fixes GuardDuty.
package guardduty

import (
	"context"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
)

const (
	detectors   = "arn:{partition}:guardduty:{region}:{account}:detector/*"
	role        = "arn:{partition}:iam::{account}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"
	malwareRole = "arn:{partition}:iam::{account}:role/aws-service-role/malware-protection.guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDutyMalwareProtection"
)

type none struct{}

// watch is GuardDuty in one Region, which has one detector at most.
type watch struct {
	Detector      bool   `json:"detector"`                // there is one
	Enabled       bool   `json:"enabled"`                 // it isn't suspended
	Administrator string `json:"administrator,omitempty"` // the account that manages this one's; for judging only
}

// Enabled turns GuardDuty on in a Region.
var Enabled = remedy.Unit[none, watch]{
	Spec: asr.Spec{
		ID: "guardduty-enabled", Version: 1,
		Title: "Turn on GuardDuty",
		Impact: "GuardDuty watches the account in this Region. Where there is no detector yet, the new one has the protection plans that AWS turns on by default (S3, EKS audit logs, malware scans of volumes, RDS logins, Lambda). " +
			"A detector that was suspended keeps its plans as they are. Undo suspends the detector, which then costs nothing and keeps its findings; it is never deleted. GuardDuty that another account manages is left to that account.",
		Risk: asr.RiskLow, RiskWhy: "logs are read where AWS keeps them; nothing that runs in the account is touched",
		Cost:  "free for the first 30 days of an account in a Region; then about 4 USD per million CloudTrail events, 1 USD per GB of flow and DNS logs, and more for each protection plan",
		Scope: asr.ScopeRegion,
		Reads: []asr.Grant{asr.Allow("*", "guardduty:ListDetectors", "guardduty:GetAdministratorAccount"), asr.Allow(detectors, "guardduty:GetDetector")},
		Writes: []asr.Grant{
			asr.Allow("*", "guardduty:CreateDetector"), // IAM knows no resource for it
			asr.Allow(detectors, "guardduty:UpdateDetector"),
		},
		Implied: []asr.Grant{
			asr.Allow(detectors, "guardduty:TagResource"),
			asr.ServiceLinked(role, "guardduty.amazonaws.com"),
			asr.ServiceLinked(malwareRole, "malware-protection.guardduty.amazonaws.com"),
			asr.Allow(malwareRole, "iam:GetRole"),
		},
		Settle: 2 * time.Second,
	},
	Controls: map[string]none{"GuardDuty.1": {}},
	Read:     readWatch,
	Want: func(on remedy.On[none], now watch) (watch, error) {
		if now.Enabled {
			return now, nil
		}
		if now.Administrator != "" {
			return now, asr.Refuse("GuardDuty is suspended here, and account "+now.Administrator+" manages it", "enable it in account "+now.Administrator+" for member "+on.Account)
		}
		return watch{Detector: true, Enabled: true}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to watch) error {
		api := guardduty.NewFromConfig(cfg)
		if !from.Detector {
			_, err := api.CreateDetector(ctx, &guardduty.CreateDetectorInput{Enable: &to.Enabled, ClientToken: &on.Call.Token, Tags: on.Call.Tags()})
			return err
		}
		if from.Administrator != "" {
			return asr.Refuse("account "+from.Administrator+" manages GuardDuty here by now", "change it in account "+from.Administrator+" for member "+on.Account)
		}
		id, err := detector(ctx, api)
		if err == nil && id != "" { // what isn't sent stays: the protection plans
			_, err = api.UpdateDetector(ctx, &guardduty.UpdateDetectorInput{DetectorId: &id, Enable: &to.Enabled})
		}
		return err
	},
	Keep: func(_ remedy.On[none], c asr.Change) string {
		if c.Path[0] == "detector" {
			return "it holds findings; suspended it costs nothing"
		}
		return ""
	},
}

func readWatch(ctx context.Context, cfg aws.Config, _ remedy.On[none]) (w watch, err error) {
	api := guardduty.NewFromConfig(cfg)
	id, err := detector(ctx, api)
	if err != nil || id == "" {
		return w, err
	}
	out, err := api.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: &id})
	if err != nil {
		return w, err
	}
	admin, err := api.GetAdministratorAccount(ctx, &guardduty.GetAdministratorAccountInput{DetectorId: &id})
	if err != nil {
		return w, err
	}
	w = watch{Detector: true, Enabled: out.Status == types.DetectorStatusEnabled}
	if a := admin.Administrator; a != nil && !slices.Contains([]string{"Invited", "Created", "Removed", "Resigned"}, aws.ToString(a.RelationshipStatus)) {
		w.Administrator = aws.ToString(a.AccountId)
	}
	return w, nil
}
