// Package apigateway fixes API Gateway: REST and WebSocket APIs.
package apigateway

import (
	"context"
	"fmt"
	"maps"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	rest "github.com/aws/aws-sdk-go-v2/service/apigateway"
)

type verbosity struct {
	Level string `json:"level" doc:"What is logged at least: ERROR or INFO, which is more. Of several, as in AWS Config's 'ERROR,INFO', any is enough, so the least counts."`
}

// logging is how much of a stage's execution is logged: OFF, ERROR or INFO.
type logging struct {
	Role      string            `json:"role"`      // the role that API Gateway writes logs with, for all APIs of the account and Region; "": none
	Default   string            `json:"default"`   // of methods or routes that have no settings of their own
	Overrides map[string]string `json:"overrides"` // of those that have, by method ("~1pets~1{id}/GET") or route ("$connect")
}

// ExecutionLogging logs what a stage does with requests to CloudWatch Logs.
var ExecutionLogging = remedy.Unit[verbosity, logging]{
	Spec: asr.Spec{
		ID: "apigateway-execution-logging", Version: 1,
		Title:  "Log the execution of REST and WebSocket APIs",
		Impact: "API Gateway logs errors of the stage, or each step of every request (INFO), to a CloudWatch log group of its own, which keeps them until somebody sets a retention. Methods and routes with settings of their own are raised too; none is lowered. Request and response bodies are logged only where data tracing was on already. It is refused where the account has no role for API Gateway's logs in the Region.",
		Risk:   asr.RiskLow, RiskWhy: "requests are answered as before; INFO writes more of each request to a log",
		Cost:  "about 0.50 USD per GB of log, and 0.03 USD per GB and month to keep it; INFO writes some KB per request",
		Scope: asr.ScopeResource, Resources: []string{stage},
		Reads:  []asr.Grant{asr.Allow(stage, "apigateway:GET"), asr.Allow(account, "apigateway:GET")},
		Writes: []asr.Grant{asr.Allow(stage, "apigateway:PATCH")},
		Settle: 2 * time.Second,
	},
	Controls: map[string]verbosity{"APIGateway.1": {"INFO"}},
	Validate: func(on remedy.On[verbosity]) error {
		if least(on.Params.Level) == "" {
			return fmt.Errorf("level is %q, and can be ERROR or INFO", on.Params.Level)
		}
		return nil
	},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[verbosity]) (now logging, err error) {
		at, err := placeOf(on.Target, on.Name)
		if err != nil {
			return now, err
		}
		if at.rest {
			now, err = readREST(ctx, cfg, at)
		} else {
			now, err = readWebSocket(ctx, cfg, at)
		}
		if err != nil {
			return now, settled(err)
		}
		out, err := rest.NewFromConfig(cfg).GetAccount(ctx, &rest.GetAccountInput{}) // WebSocket APIs have the same
		if err == nil {
			now.Role = aws.ToString(out.CloudwatchRoleArn)
		}
		return now, err
	},
	Want: func(on remedy.On[verbosity], now logging) (logging, error) {
		level := least(on.Params.Level)
		to := logging{Role: now.Role, Default: more(now.Default, level), Overrides: maps.Clone(now.Overrides)}
		for key, is := range now.Overrides {
			to.Overrides[key] = more(is, level)
		}
		if now.Role == "" && (to.Default != now.Default || !maps.Equal(to.Overrides, now.Overrides)) {
			return now, asr.Refuse("API Gateway has no role to write logs with in Region "+on.Region+" of account "+on.Account,
				"make a role with AmazonAPIGatewayPushToCloudWatchLogs and set it for the Region (aws apigateway update-account), then plan again")
		}
		return to, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[verbosity], from, to logging) error {
		at, err := placeOf(on.Target, on.Name)
		if err == nil && at.rest {
			err = writeREST(ctx, cfg, at, from, to)
		} else if err == nil {
			err = writeWebSocket(ctx, cfg, at, from, to)
		}
		return settled(err)
	},
}
