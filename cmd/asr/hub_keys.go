package main

import (
	"context"
	"fmt"
	"time"

	"example.com/asr"
	"example.com/asr/lambda"
	"example.com/asr/remedy"
	"example.com/asr/vault"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/spf13/cobra"
)

// activation is how long a new key of the hub waits: functions read the secret
// every five minutes, and all must know a key before one writes with it.
const activation = 15 * time.Minute

func (h *hubCommands) keys() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "List, rotate and retire the keys that encrypt what the hub keeps",
		Long: `Changes the hub's secret with your own AWS credentials, which must be allowed
secretsmanager:GetSecretValue and PutSecretValue on it. The hub's daily look at its
audit log encrypts anew what a former key encrypted. No command shows a key.`,
	}
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List the keys by their ids", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := h.secret(cmd.Context())
			if err != nil {
				return err
			}
			return h.printSecret(s.text)
		}},
		&cobra.Command{Use: "rotate", Short: "Make a new key, which becomes the primary in 15 minutes", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			return h.changeKeys(cmd.Context(), "Make a new key?", func(text string, now time.Time) (string, error) {
				text, _, err := vault.Add(text, vault.Passphrase, now, now.Add(activation))
				return text, err
			})
		}},
		&cobra.Command{Use: "retire KEY", Short: "Destroy a former key that nothing needs any more", Args: cobra.ExactArgs(1), RunE: func(cmd *cobra.Command, args []string) error {
			return h.changeKeys(cmd.Context(), "Destroy key "+args[0]+"? Backups from before can't be read without it.", func(text string, now time.Time) (string, error) {
				if err := h.rewrapped(cmd.Context(), text); err != nil {
					return "", err
				}
				return vault.Retire(text, vault.Passphrase, args[0], now)
			})
		}})
	return cmd
}

// rewrapped is an error unless the hub has encrypted all anew with the primary key.
func (h *hubCommands) rewrapped(ctx context.Context, text string) error {
	v, err := vault.Parse(text, vault.Passphrase, nil)
	if err != nil {
		return err
	}
	var last lambda.Audited
	if err := h.ask(ctx, "GET", "/v1/audit", nil, nil, &last); err != nil {
		return err
	}
	if last.Keys == nil || last.Keys.Primary != v.Primary() || !last.Keys.Complete {
		return &asr.Error{Code: asr.CodeNotAllowed, Message: "the hub has not yet encrypted all anew with key " + v.Primary(), Do: "wait for its next daily look: asr hub audit --json has how far it came"}
	}
	return nil
}

// secret is the hub's, as it is now.
type secret struct {
	client *secretsmanager.Client
	arn    string
	text   string
}

func (h *hubCommands) secret(ctx context.Context) (s secret, err error) {
	cfg, err := h.hubConfig(ctx)
	if err != nil {
		return s, err
	}
	if s.arn, err = stackOutput(ctx, cfg, h.stack, "VaultSecretArn"); err != nil {
		return s, err
	}
	s.client = secretsmanager.NewFromConfig(cfg)
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.arn})
	if err != nil {
		return s, fmt.Errorf("the hub's secret: %w", remedy.Judge(err))
	}
	s.text = aws.ToString(out.SecretString)
	return s, nil
}

// changeKeys changes the secret after a question.
func (h *hubCommands) changeKeys(ctx context.Context, question string, change func(text string, now time.Time) (string, error)) error {
	s, err := h.secret(ctx)
	if err != nil {
		return err
	}
	text, err := change(s.text, time.Now())
	if err != nil {
		return err
	}
	if err := h.confirm(question); err != nil {
		return err
	}
	if _, err := s.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &s.arn, SecretString: &text}); err != nil {
		return fmt.Errorf("the hub's secret: %w", remedy.Judge(err))
	}
	return h.printSecret(text)
}

func (h *hubCommands) printSecret(text string) error {
	v, err := vault.Parse(text, vault.Passphrase, nil)
	if err != nil {
		return &asr.Error{Code: asr.CodeBadInput, Message: "the secret is not the one that the stack made", Err: err, Do: "restore its former version in Secrets Manager"}
	}
	return h.print(map[string]any{"keys": v.Keys()}, func() { h.printKeyTable(v.Keys()) })
}
