package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"example.com/asr"
	"example.com/asr/catalog"
	"example.com/asr/configrules"
	"example.com/asr/dynamo"
	handlers "example.com/asr/lambda"
	"example.com/asr/notify"
	"example.com/asr/playbook"
	"example.com/asr/policyfiles"
	"example.com/asr/securityhub"
	"example.com/asr/server"
	"example.com/asr/sessions"
	"example.com/asr/ssmdoc"
	"example.com/asr/trail"
	"example.com/asr/vault"
	"example.com/asr/workflow"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// environment is what a function's environment says; deploy/ sets it.
type environment struct {
	function  string // which one this is: ingest, plan, apply, report, sync, audit, api, setup
	table     string
	bucket    string   // large items, playbooks, by default the policy
	secret    string   // ARN of the secret that the vault's key comes from
	policy    string   // "s3://bucket/key", or "s3://bucket/folder/"
	off       []string // playbooks that are switched off
	runs      string   // ARN of the state machine asr-hub-run
	syncs     string   // and of asr-hub-sync
	role      string   // the member role
	external  string
	topic     string // ARN; outcomes go there
	asks      bool   // AWS Organizations, about accounts
	level     slog.Level
	retention time.Duration // of what has ended; 0: for ever
	patience  time.Duration // with plans that wait for an approval
}

// read reads the environment. Its error names the variable.
func read(env func(string) string) (e environment, err error) {
	e = environment{
		function: env("ASR_FUNCTION"), table: env("ASR_TABLE"), bucket: env("ASR_BUCKET"), secret: env("ASR_VAULT_SECRET"), policy: env("ASR_POLICY"),
		runs: env("ASR_RUN_MACHINE"), syncs: env("ASR_SYNC_MACHINE"), role: env("ASR_ROLE"), external: env("ASR_EXTERNAL_ID"), topic: env("ASR_TOPIC"),
		asks: env("ASR_ORGANIZATIONS") == "true",
	}
	for _, name := range strings.Split(env("ASR_PLAYBOOKS_OFF"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			e.off = append(e.off, name)
		}
	}
	if text := env("ASR_LOG_LEVEL"); text != "" {
		if err := e.level.UnmarshalText([]byte(text)); err != nil {
			return e, fmt.Errorf("ASR_LOG_LEVEL is %q: choose debug, info, warn or error", text)
		}
	}
	for name, to := range map[string]struct {
		value *time.Duration
		unit  time.Duration
	}{"ASR_RETENTION_DAYS": {&e.retention, 24 * time.Hour}, "ASR_APPROVAL_HOURS": {&e.patience, time.Hour}} {
		if text := env(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > 36500 {
				return e, fmt.Errorf("%s is %q: give a number", name, text)
			}
			*to.value = time.Duration(n) * to.unit
		}
	}
	return e, nil
}

// wiring makes the parts when the first event needs them, once: a function that
// can't have them answers with the error, and the next event tries again.
type wiring struct {
	environment
	Config
	log *slog.Logger

	mu    sync.Mutex
	parts *parts
}

// How long the vault's keys are taken for those of the secret, and how long at
// most where the secret can't be read. A new key waits longer for its time than
// the one, and a former key is retired later than the other.
const (
	keysFresh = 5 * time.Minute
	keysStale = 30 * time.Minute
)

// parts is the product as this function needs it.
type parts struct {
	handlers *handlers.Handlers
	policy   *handlers.Policy
	api      http.Handler
	vault    *vault.Vault
	keysAt   time.Time // when the vault's keys were read
}

func (w *wiring) open(ctx context.Context) (*parts, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.parts != nil {
		return w.parts, w.freshen(ctx, w.parts)
	}
	files := s3.NewFromConfig(w.AWS)
	v, book, err := w.fetch(ctx, files)
	if err != nil {
		return nil, err
	}
	store := dynamo.New(dynamo.Config{Client: dynamodb.NewFromConfig(w.AWS, dynamo.Retry), Table: w.table, S3: files, Bucket: w.bucket, Vault: v, Retention: w.retention, Clock: w.Clock})
	s, err := sessions.New(sessions.Config{Hub: w.AWS, Role: w.role, ExternalID: w.external, Version: w.Version, Settings: store, Clock: w.Clock})
	if err != nil {
		return nil, err
	}
	var units []asr.Remediation
	if book != nil {
		if units, err = ssmdoc.With(catalog.All(s.Dial), book, s.Dial); err != nil {
			return nil, err
		}
	}
	p := &parts{policy: &handlers.Policy{Clock: w.Clock, Units: w.units(store), Source: policySource{policyfiles.Source{API: files, Location: w.policy, Clock: w.Clock}}}, vault: v, keysAt: w.now()}
	engine := asr.New(asr.Config{
		Store: store, Remediations: units, Matcher: chosen{book, w.off}, Policy: p.policy, Vault: v,
		Rules: configrules.Reader{Dial: s.Dial}, Trail: trail.Reader{Dial: s.Dial}, Channels: []asr.Channel{asr.ChannelOutcome}, Patience: w.patience, Clock: w.Clock, Log: w.log,
		Accounts: w.accounts(p.policy.NeedsAccounts, store),
	})
	starter := &workflow.Starter{Executions: sfn.NewFromConfig(w.AWS), Machine: w.runs, Engine: engine, Store: store, Clock: w.Clock}
	p.api = server.New(server.Config{Engine: engine, Store: store, Who: handlers.Caller, View: p.policy.View, Drive: starter.Start, Audited: handlers.AuditSetting, Log: w.log})
	p.handlers = handlers.New(handlers.Config{
		Engine: engine, Store: store, Starter: starter, Reporter: w.reporters(s), Signer: v, Keys: handlers.Keys{Primary: primaryOf(v), Rewrap: store.Rewrap}, Metrics: handlers.Metrics{To: w.Log, Clock: w.Clock, Saved: minutesSaved},
		Refresh: p.policy.Refresh, Decode: securityhub.Decode, Request: ssmdoc.Requests(units), Woken: ssmdoc.Event, Pull: w.pull(), Clock: w.Clock, Log: w.log,
	})
	w.parts = p
	return p, nil
}

// fetch has the vault and the playbooks, at once: a cold start waits for both.
// Who reports or audits knows no playbook: others have decided.
func (w *wiring) fetch(ctx context.Context, files *s3.Client) (v *vault.Vault, book *playbook.Book, err error) {
	var wg sync.WaitGroup
	var vaultErr, bookErr error
	wg.Go(func() { v, vaultErr = w.vault(ctx) })
	if w.function != "report" && w.function != "audit" {
		wg.Go(func() { book, bookErr = w.book(ctx, files) })
	}
	wg.Wait()
	return v, book, errors.Join(vaultErr, bookErr)
}

// reporters are who can be told.
func (w *wiring) reporters(s *sessions.Sessions) asr.Reporters {
	all := asr.Reporters{asr.ChannelSecurityHub: securityhub.NewReporter(w.AWS), asr.ChannelRequester: ssmdoc.Signaller{Dial: s.Dial}}
	if w.topic != "" {
		all[asr.ChannelOutcome] = notify.SNS{Client: sns.NewFromConfig(w.AWS), Topic: w.topic}
	}
	return all
}

// minutesSaved is what a fix by hand is counted as: finding the owner, the
// change, the check.
const minutesSaved = 30

// vault makes the vault's keys from the secret: a line each, of 64 random
// characters.
func (w *wiring) vault(ctx context.Context) (*vault.Vault, error) {
	out, err := secretsmanager.NewFromConfig(w.AWS).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &w.secret})
	if err != nil {
		return nil, fmt.Errorf("the vault's key: %w", err)
	}
	v, err := vault.Parse(aws.ToString(out.SecretString), vault.Passphrase, w.Clock)
	if err != nil {
		return nil, fmt.Errorf("the secret %s is not the one that the stack made: %w", w.secret, err)
	}
	return v, nil
}

// freshen reads the vault's keys again when they are old: there may be a new one.
func (w *wiring) freshen(ctx context.Context, p *parts) error {
	age := w.now().Sub(p.keysAt)
	if age < keysFresh {
		return nil
	}
	v, err := w.vault(ctx)
	if err != nil && age < keysStale {
		w.log.WarnContext(ctx, "the vault's keys can't be read again", "error", err)
		return nil
	}
	if err == nil {
		p.vault.Use(v)
		p.keysAt = w.now()
	}
	return err
}

func (w *wiring) now() time.Time {
	if w.Clock != nil {
		return w.Clock()
	}
	return time.Now()
}

func primaryOf(v *vault.Vault) func() (string, time.Time) {
	return func() (string, time.Time) {
		for _, k := range v.Keys() {
			if k.State == vault.KeyPrimary {
				return k.ID, k.Since
			}
		}
		return "", time.Time{}
	}
}

// pull takes findings from Security Hub's APIs of the function's own Region.
func (w *wiring) pull() handlers.Puller {
	api := securityhub.NewAPI(w.AWS)
	api.Now = w.Clock
	both := securityhub.NewBoth(api)
	both.Unsure = func(err error) { w.log.Warn("second API unknown", "error", err) }
	return open{both}
}

// open pulls what there may be something to do about.
type open struct{ securityhub.Both }

func (o open) Pull(ctx context.Context, cursor string, emit func([]asr.Observation, []asr.Rejected, string) error) error {
	return o.Both.Pull(ctx, securityhub.Open(), cursor, emit)
}

// chosen is the playbooks without those that are switched off.
type chosen struct {
	*playbook.Book
	off []string
}

// Match implements asr.Matcher.
func (c chosen) Match(f asr.Finding) (asr.Match, error) {
	m, err := c.Book.Match(f)
	if err == nil && slices.ContainsFunc(c.off, func(off string) bool { return strings.EqualFold(off, m.Playbook) }) {
		err = &asr.Error{Code: asr.CodeNoRemediation, Message: "the playbook " + m.Playbook + " is switched off", Do: "switch it on in the hub's stack"}
	}
	return m, err
}
