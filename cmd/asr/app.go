package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.com/asr"
	"example.com/asr/accounts"
	"example.com/asr/catalog"
	"example.com/asr/configrules"
	"example.com/asr/playbook"
	"example.com/asr/policy"
	"example.com/asr/securityhub"
	"example.com/asr/sessions"
	"example.com/asr/sqlite"
	"example.com/asr/ssmdoc"
	"example.com/asr/trail"
	"example.com/asr/vault"
	"example.com/asr/worker"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/smithy-go/logging"
)

// app is what the commands share: flags, streams, and the parts, which are put
// together when a command first needs them.
type app struct {
	in         io.Reader
	out, errs  io.Writer
	data       string
	policyFile string
	accounts   string // a file; "": AWS Organizations
	playbooks  []string
	region     string
	role       string
	externalID string
	direct     bool
	keepSource bool
	json, yes  bool

	given  *aws.Config // the operator's own credentials; nil: as the environment says
	parts  *parts
	closed []func() error
}

// parts is the product, wired.
type parts struct {
	store    *sqlite.Store
	vault    *vault.Vault
	book     *playbook.Book
	policy   *policy.Policy // nil: there is none
	sessions *sessions.Sessions
	hub      aws.Config
	config   asr.Config // the engine's
	engine   *asr.Engine
	pool     *worker.Pool
	units    []asr.Remediation
}

// open wires the parts, once.
func (a *app) open(ctx context.Context) (*parts, error) {
	if a.parts != nil {
		return a.parts, nil
	}
	p := &parts{}
	dir, err := a.dataDir()
	if err != nil {
		return nil, err
	}
	if p.vault, err = vault.Open(filepath.Join(dir, "asr.key"), os.Getenv); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "asr.db")
	p.store, err = sqlite.Open(ctx, file, p.vault, func() {
		a.note("asr: an earlier asr wrote %s: it is brought up to date, which takes about a minute for a million findings", file)
	})
	if err != nil {
		return nil, err
	}
	a.closed = append(a.closed, p.store.Close)
	if p.book, err = a.openBook(); err != nil {
		return nil, err
	}
	if p.policy, err = a.openPolicy(dir); err != nil {
		return nil, err
	}
	if p.hub, err = a.hubConfig(ctx); err != nil {
		return nil, err
	}
	p.sessions, err = sessions.New(sessions.Config{
		Hub: p.hub, Role: cmp.Or(a.role, os.Getenv("ASR_ROLE")), ExternalID: cmp.Or(a.externalID, os.Getenv("ASR_EXTERNAL_ID")),
		Version: version, Settings: p.store, Direct: a.direct, KeepSource: a.keepSource,
	})
	if err != nil {
		return nil, err
	}
	if p.units, err = ssmdoc.With(catalog.All(p.sessions.Dial), p.book, p.sessions.Dial); err != nil {
		return nil, err
	}
	c := asr.Config{Store: p.store, Remediations: p.units, Matcher: p.book, Vault: p.vault, Rules: configrules.Reader{Dial: p.sessions.Dial}, Trail: trail.Reader{Dial: p.sessions.Dial}}
	if p.policy != nil {
		c.Policy = p.policy
	}
	if c.Accounts, err = a.openAccounts(p, p.policy.NeedsAccounts()); err != nil {
		return nil, err
	}
	p.config = c
	p.engine = asr.New(c)
	p.pool = worker.New(worker.Config{Engine: p.engine, Store: p.store, Reporter: securityhub.NewReporter(p.hub)})
	a.parts = p
	return p, nil
}

// close lets go of what open opened.
func (a *app) close() {
	for _, f := range a.closed {
		if err := f(); err != nil {
			a.complain(err)
		}
	}
	a.closed, a.parts = nil, nil
}

// dataDir is the folder of database and key, made if it isn't there.
func (a *app) dataDir() (string, error) {
	dir := cmp.Or(a.data, os.Getenv("ASR_DATA"))
	if dir == "" {
		base := os.Getenv("XDG_DATA_HOME")
		if base == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", &asr.Error{Code: asr.CodeBadInput, Message: "there is no home folder to keep data in", Do: "name a folder with --data", Err: err}
			}
			base = filepath.Join(home, ".local", "share")
		}
		dir = filepath.Join(base, "asr")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", &asr.Error{Code: asr.CodeBadInput, Message: "the data folder can't be made", Do: "name another one with --data", Err: err}
	}
	return dir, nil
}

// known are the playbooks and all remediations there are, bound to nothing.
func (a *app) known() (*playbook.Book, []asr.Remediation, error) {
	book, err := a.openBook()
	if err != nil {
		return nil, nil, err
	}
	units, err := ssmdoc.With(catalog.All(nil), book, nil)
	return book, units, err
}

func (a *app) openBook() (*playbook.Book, error) {
	dirs := a.playbooks
	if len(dirs) == 0 && os.Getenv("ASR_PLAYBOOKS") != "" {
		dirs = strings.Split(os.Getenv("ASR_PLAYBOOKS"), string(os.PathListSeparator))
	}
	return playbook.Load(dirs...)
}

// openPolicy loads the policy, nil if there is none.
func (a *app) openPolicy(dir string) (*policy.Policy, error) {
	path, err := a.policyPath(dir)
	if path == "" || err != nil {
		return nil, err
	}
	return policy.Load(path)
}

// policyPath is where the policy is: a file or a folder. What was named must be
// there; "" if nothing is named and the data folder has none.
func (a *app) policyPath(dir string) (string, error) {
	if path := cmp.Or(a.policyFile, os.Getenv("ASR_POLICY")); path != "" {
		return path, nil
	}
	found := ""
	for _, name := range []string{"policy.yaml", "policy"} {
		path := filepath.Join(dir, name)
		switch _, err := os.Stat(path); {
		case errors.Is(err, os.ErrNotExist):
		case found != "":
			return "", &asr.Error{Code: asr.CodeBadInput, Message: "there are two policies: " + found + " and " + path, Do: "remove one, or name the one to use with --policy"}
		default:
			found = path
		}
	}
	return found, nil
}

// openAccounts is the file of accounts, if one is named, else Organizations, if
// it is needed.
func (a *app) openAccounts(p *parts, needed bool) (asr.Accounts, error) {
	if file := cmp.Or(a.accounts, os.Getenv("ASR_ACCOUNTS")); file != "" {
		return accounts.Load(file)
	}
	if needed {
		return accounts.New(organizations.NewFromConfig(p.hub, accounts.Patiently), time.Now), nil
	}
	return nil, nil
}

// hubConfig is the operator's own credentials.
func (a *app) hubConfig(ctx context.Context) (aws.Config, error) {
	if a.given != nil {
		return *a.given, nil
	}
	options := []func(*config.LoadOptions) error{config.WithLogger(logging.Nop{}), config.WithHTTPClient(sessions.Client(sessions.Patience))}
	if a.region != "" {
		options = append(options, config.WithRegion(a.region))
	}
	load := func(ctx context.Context) (aws.Config, error) {
		cfg, err := config.LoadDefaultConfig(ctx, options...)
		if err != nil {
			return cfg, &asr.Error{Code: asr.CodeBadInput, Message: "AWS's configuration can't be loaded", Do: "check AWS_PROFILE and ~/.aws/config", Err: err}
		}
		return cfg, nil
	}
	cfg, err := load(ctx)
	cfg.Credentials = sessions.Renew(cfg.Credentials, func(ctx context.Context) (aws.CredentialsProvider, error) {
		anew, err := load(ctx)
		return anew.Credentials, err
	})
	return cfg, err
}
