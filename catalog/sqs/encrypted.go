// Package sqs fixes SQS.
package sqs

import (
	"context"
	"strconv"
	"time"

	"example.com/asr"
	"example.com/asr/remedy"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const queue = "arn:{partition}:sqs:{region}:{account}:{name}"

type with struct {
	Key string `json:"key,omitempty" doc:"ID, alias or ARN of a KMS key. Empty: SQS's own key, which costs nothing and asks nobody for rights. Services that send to the queue (SNS, EventBridge, S3) need rights on a key of yours."`
}

// encryption is at rest; SQS knows one kind or the other or none.
type encryption struct {
	Managed bool   `json:"managed"` // by a key of SQS (SSE-SQS)
	Key     string `json:"key"`     // KMS key (SSE-KMS), "": none
}

// Encrypted encrypts a queue's messages at rest. A queue that is encrypted in
// either way stays as it is.
var Encrypted = remedy.Unit[with, encryption]{
	Spec: asr.Spec{
		ID: "sqs-encrypted", Version: 1,
		Title:  "Encrypt SQS queues at rest",
		Impact: "Messages that arrive from now on are encrypted; those in the queue stay as they are. With SQS's own key nobody notices. With a KMS key, whoever sends or receives needs rights on the key too, and AWS services that send to the queue are refused unless the key's policy names them.",
		Risk:   asr.RiskLow, RiskWhy: "SQS's own key needs no rights; a KMS key, if asked for, cuts off who has none on it",
		Cost:  "nothing with SQS's own key; with a KMS key about 0.03 USD per 10,000 requests to KMS",
		Scope: asr.ScopeResource, Resources: []string{queue},
		Reads:  []asr.Grant{asr.Allow(queue, "sqs:GetQueueUrl", "sqs:GetQueueAttributes")},
		Writes: []asr.Grant{asr.Allow(queue, "sqs:SetQueueAttributes")},
		Settle: 5 * time.Second,
	},
	Controls: map[string]with{"SQS.1": {}},
	Read: func(ctx context.Context, cfg aws.Config, on remedy.On[with]) (now encryption, err error) {
		api := sqs.NewFromConfig(cfg)
		url, err := urlOf(ctx, api, on.Target)
		if err != nil {
			return now, err
		}
		out, err := api.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameSqsManagedSseEnabled, types.QueueAttributeNameKmsMasterKeyId}})
		if err != nil {
			return now, gone(err)
		}
		now.Key = out.Attributes[string(types.QueueAttributeNameKmsMasterKeyId)]
		now.Managed = now.Key == "" && out.Attributes[string(types.QueueAttributeNameSqsManagedSseEnabled)] == "true"
		return now, nil
	},
	Want: func(on remedy.On[with], now encryption) (encryption, error) {
		if now.Managed || now.Key != "" {
			return now, nil
		}
		return encryption{on.Params.Key == "", on.Params.Key}, nil
	},
	Write: func(ctx context.Context, cfg aws.Config, on remedy.On[with], from, to encryption) error {
		api := sqs.NewFromConfig(cfg)
		url, err := urlOf(ctx, api, on.Target)
		if err != nil {
			return err
		}
		name, value := types.QueueAttributeNameSqsManagedSseEnabled, strconv.FormatBool(to.Managed)
		if to.Key != from.Key {
			name, value = types.QueueAttributeNameKmsMasterKeyId, to.Key
		}
		_, err = api.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{string(name): value}})
		return err
	},
}

func urlOf(ctx context.Context, api *sqs.Client, t asr.Target) (*string, error) {
	out, err := api.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &t.Name, QueueOwnerAWSAccountId: &t.Account})
	if err != nil {
		return nil, gone(err)
	}
	return out.QueueUrl, nil
}

// gone knows both names that SQS has for a queue that isn't there: of its JSON
// and of its older query protocol.
func gone(err error) error {
	return remedy.Gone(err, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")
}
