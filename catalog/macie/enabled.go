// Package macie fixes Macie.
package macie

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/macie2"
	"github.com/aws/aws-sdk-go-v2/service/macie2/types"
)

const role = "arn:{partition}:iam::{account}:role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie"

type none struct{}

// session is Macie in one Region.
type session struct {
	Account       bool   `json:"account"`                 // Macie knows the account: it is on, or paused
	Enabled       bool   `json:"enabled"`                 // it isn't paused
	Administrator string `json:"administrator,omitempty"` // the account that manages this one's; for judging only
}

// Enabled turns Macie on in a Region.
var Enabled = remedy.Unit[none, session]{
	Spec: asr.Spec{
		ID: "macie-enabled", Version: 1,
		Title: "Turn on Macie",
		Impact: "Macie lists the S3 buckets of the account in this Region, watches their access and may begin to look for sensitive data in them; where it was paused it goes on with its settings. No discovery job is started. " +
			"Undo pauses Macie and never disables it, since disabling deletes its findings, jobs and settings for good; paused it costs nothing, but jobs that were started since are cancelled. Macie that another account manages is left to that account.",
		Risk: asr.RiskLow, RiskWhy: "buckets and their objects are only read",
		Cost:    "free for the first 30 days; then about 0.10 USD per bucket and month, and about 1 USD per GB that is searched for sensitive data",
		Scope:   asr.ScopeRegion,
		Reads:   []asr.Grant{asr.Allow("*", "macie2:GetMacieSession", "macie2:GetAdministratorAccount")},
		Writes:  []asr.Grant{asr.Allow("*", "macie2:EnableMacie", "macie2:UpdateMacieSession")}, // IAM knows no resource for them
		Implied: []asr.Grant{asr.ServiceLinked(role, "macie.amazonaws.com")},
		Settle:  2 * time.Second,
	},
	Controls: map[string]none{"Macie.1": {}},
	Read:     readSession,
	Want: func(on remedy.On[none], now session) (session, error) {
		if now.Enabled {
			return now, nil
		}
		if now.Administrator != "" {
			return now, asr.Refuse("Macie is paused here, and account "+now.Administrator+" manages it", "enable it in account "+now.Administrator+" for member "+on.Account)
		}
		return session{Account: true, Enabled: true}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[none], from, to session) error {
		api, status := macie2.NewFromConfig(cfg), types.MacieStatusPaused
		if to.Enabled {
			status = types.MacieStatusEnabled
		}
		if !from.Account {
			_, err := api.EnableMacie(ctx, &macie2.EnableMacieInput{Status: status, ClientToken: &on.Call.Token})
			return remedy.Unless(err, "ConflictException") // it is on by now, or paused: the next look tells
		}
		if from.Administrator != "" {
			return asr.Refuse("account "+from.Administrator+" manages Macie here by now", "change it in account "+from.Administrator+" for member "+on.Account)
		}
		_, err := api.UpdateMacieSession(ctx, &macie2.UpdateMacieSessionInput{Status: status})
		return err
	},
	Keep: func(_ remedy.On[none], c asr.Change) string {
		if c.Path[0] == "account" {
			return "disabling Macie would delete its findings, jobs and settings; paused it costs nothing"
		}
		return ""
	},
}

func readSession(ctx context.Context, cfg aws.Config, _ remedy.On[none]) (s session, err error) {
	api := macie2.NewFromConfig(cfg)
	out, err := api.GetMacieSession(ctx, &macie2.GetMacieSessionInput{})
	if err != nil {
		return s, unlessOff(err)
	}
	admin, err := api.GetAdministratorAccount(ctx, &macie2.GetAdministratorAccountInput{})
	if remedy.Is(err, "ResourceNotFoundException") { // there is no administrator
		admin, err = &macie2.GetAdministratorAccountOutput{}, nil
	}
	if err != nil {
		return s, err
	}
	s = session{Account: true, Enabled: out.Status == types.MacieStatusEnabled}
	none := []types.RelationshipStatus{types.RelationshipStatusInvited, types.RelationshipStatusCreated, types.RelationshipStatusRemoved, types.RelationshipStatusResigned}
	if a := admin.Administrator; a != nil && !slices.Contains(none, a.RelationshipStatus) {
		s.Administrator = aws.ToString(a.AccountId)
	}
	return s, nil
}

// unlessOff tells Macie that is off from a call that was denied: AWS has the
// same error code for both, and another message.
func unlessOff(err error) error {
	var denied *types.AccessDeniedException
	if errors.As(err, &denied) && strings.Contains(denied.ErrorMessage(), "Macie is not enabled") {
		return nil
	}
	return remedy.Unless(err, "ResourceNotFoundException")
}
