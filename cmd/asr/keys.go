package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"example.com/asr"
	"example.com/asr/audit"
	"example.com/asr/vault"
	"github.com/spf13/cobra"
)

func keysCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "List, rotate and retire the keys that encrypt what asr keeps",
		Long: `asr encrypts runs and reports, seals secrets and signs the audit log with one key, the
primary. Former keys open what they wrote until it has been encrypted anew. No
command shows a key.`,
	}
	cmd.AddCommand(keysList(a), keysRotate(a), keysRewrap(a), keysRetire(a))
	return cmd
}

// keysReport is what the commands print.
type keysReport struct {
	Keys    []vault.Key `json:"keys"`
	Former  int         `json:"former"`  // documents that another key than the primary encrypted
	Waiting int         `json:"waiting"` // runs under way that hold secrets that another key sealed
}

func keysList(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys by their ids", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			return a.printKeys(cmd.Context(), p, 0)
		},
	}
}

func (a *app) printKeys(ctx context.Context, p *parts, waiting int) error {
	former, err := p.store.Former(ctx)
	if err != nil {
		return err
	}
	r := keysReport{p.vault.Keys(), former, waiting}
	return a.print(r, func() {
		a.printKeyTable(r.Keys)
		if r.Former > 0 {
			a.line("%d documents are encrypted with a former key: asr keys rewrap encrypts them anew.", r.Former)
		}
		if r.Waiting > 0 {
			a.line("%d runs under way keep their seals: asr keys rewrap again, when they have ended.", r.Waiting)
		}
	})
}

func (a *app) printKeyTable(keys []vault.Key) {
	var rows [][]string
	for _, k := range keys {
		since := "the beginning"
		if !k.Since.IsZero() {
			since = k.Since.Format(time.RFC3339)
		}
		rows = append(rows, []string{k.ID, k.State, since})
	}
	a.table([]string{"KEY", "STATE", "SINCE"}, rows)
}

func keysRotate(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "rotate", Short: "Make a new primary key, and encrypt with it what there is", Args: cobra.NoArgs,
		Long: `Makes a new primary key, signs the audit log with it, and encrypts anew what former
keys encrypted. Other processes may go on meanwhile: they take the new key by
themselves. Cut off, it is ended by asr keys rewrap. Former keys stay in the key
file until they are retired. Back the key file up afterwards.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			p, me, err := a.ready(ctx)
			if err != nil {
				return err
			}
			if err := a.confirm("Make a new key?"); err != nil {
				return err
			}
			err = p.store.Rotate(ctx, func() error {
				_, err := p.vault.Rotate()
				return err
			})
			if err != nil {
				return err
			}
			return a.rewrap(ctx, p, me)
		},
	}
}

func keysRewrap(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "rewrap", Short: "Encrypt anew, with the primary key, what former keys encrypted", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, me, err := a.ready(cmd.Context())
			if err != nil {
				return err
			}
			return a.rewrap(cmd.Context(), p, me)
		},
	}
}

// rewrap does all that follows from a new key, and what of it is yet to be done.
func (a *app) rewrap(ctx context.Context, p *parts, by asr.Actor) error {
	waiting, err := p.rewrap(ctx, by)
	if err != nil {
		return err
	}
	return a.printKeys(ctx, p, waiting)
}

func (p *parts) rewrap(ctx context.Context, by asr.Actor) (waiting int, err error) {
	if err := p.noteKey(ctx, by); err != nil {
		return 0, err
	}
	if _, err := audit.Checkpoint(ctx, p.store, p.vault.Sign, time.Now()); err != nil {
		return 0, err
	}
	done, err := p.engine.Rekey(ctx)
	if err != nil {
		return 0, err
	}
	_, err = p.store.Rewrap(ctx)
	return done.Waiting, err
}

// noteKey records the primary key, once.
func (p *parts) noteKey(ctx context.Context, by asr.Actor) error {
	if len(p.vault.Keys()) == 1 {
		return nil
	}
	const event = "key_rotated"
	records, err := p.store.Records(ctx, asr.SubjectSelf)
	if err != nil {
		return err
	}
	primary := p.vault.Primary()
	if slices.ContainsFunc(records, func(r asr.Record) bool {
		var said struct{ Key string }
		return r.Event == event && json.Unmarshal(r.Detail, &said) == nil && said.Key == primary
	}) {
		return nil
	}
	return p.engine.Note(ctx, by, event, map[string]string{"key": primary})
}

func keysRetire(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "retire KEY", Short: "Destroy a former key that nothing needs any more", Args: cobra.ExactArgs(1),
		Long: `Encrypts anew what is left, and destroys the key: what proves its signatures stays,
and opens nothing. Backups of the database from before need the key: keep it with
them, or let them go.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			p, me, err := a.ready(ctx)
			if err != nil {
				return err
			}
			waiting, err := p.rewrap(ctx, me)
			if err != nil {
				return err
			}
			if waiting > 0 {
				return &asr.Error{Code: asr.CodeNotAllowed, Message: fmt.Sprintf("%d runs under way hold secrets that a former key sealed", waiting), Do: "retire the key when they have ended: asr runs list"}
			}
			if err := a.confirm("Destroy key " + args[0] + "? Backups from before can't be read without it."); err != nil {
				return err
			}
			if err := p.store.Rotate(ctx, func() error { return p.vault.Retire(args[0]) }); err != nil {
				return err
			}
			if err := p.engine.Note(ctx, me, "key_retired", map[string]string{"key": args[0]}); err != nil {
				return err
			}
			return a.printKeys(ctx, p, 0)
		},
	}
}
