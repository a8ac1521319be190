package audit

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"example.com/asr"
	"example.com/asr/sqlite"
)

// tampered is a store whose file can be changed behind its back.
type tampered struct {
	*sqlite.Store
	file *sql.DB
}

// newTampered has r-1 (5 records, the last two after checkpoint 1), r-2 (3),
// finding/f (2), r-3 (1, after checkpoint 1), and one more of r-1 that no
// checkpoint covers.
func newTampered(t *testing.T) tampered {
	t.Helper()
	path := filepath.Join(t.TempDir(), "asr.db")
	s, err := sqlite.Open(t.Context(), path, key(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, close := range []func() error{file.Close, s.Close} {
			if err := close(); err != nil {
				t.Error(err)
			}
		}
	})
	write(t, s, "r-1", 3)
	write(t, s, "r-2", 3)
	write(t, s, "finding/f", 2)
	checkpoint(t, s)
	write(t, s, "r-1", 2)
	write(t, s, "r-3", 1)
	checkpoint(t, s)
	write(t, s, "r-1", 1)
	return tampered{s, file}
}

func (s tampered) exec(t *testing.T, script string, args ...any) {
	t.Helper()
	if _, err := s.file.ExecContext(t.Context(), script, args...); err != nil {
		t.Fatal(err)
	}
}

// rewrite replaces a subject's records from seq on by others that follow each
// other well, and the head with them.
func (s tampered) rewrite(t *testing.T, subject string, seq int) {
	t.Helper()
	records, err := s.Records(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	var c asr.Chain
	for i, r := range records {
		if i+1 >= seq {
			r.Reason = "nothing to see"
		}
		r = c.Append(r)
		doc, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		s.exec(t, "UPDATE records SET doc = ? WHERE seq = ? AND"+ofChain(subject), doc, r.Seq)
	}
	s.exec(t, "UPDATE chains SET hash = ? WHERE subject = ?", c.Hash, subject)
}

func ofChain(subject string) string {
	return fmt.Sprintf(" chain = (SELECT pk FROM chains WHERE subject = '%s')", subject)
}

func TestWhatIsTamperedWithIsNamed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		sql    string
		tamper func(t *testing.T, s tampered)
		want   []string // "subject seq what…"
	}{
		{name: "nothing", sql: "SELECT 1"},
		{
			name: "a record is edited", sql: `UPDATE records SET doc = replace(doc, '"wrote"', '"read"') WHERE seq = 2 AND` + ofChain("r-1"),
			want: []string{"r-1 2 the record was changed"},
		},
		{
			name: "two records are edited", sql: `UPDATE records SET doc = replace(doc, '"wrote"', '"read"') WHERE seq IN (2, 4) AND` + ofChain("r-1"),
			want: []string{"r-1 2 the record was changed", "r-1 4 the record was changed"},
		},
		{
			name: "a record after the last checkpoint is edited", sql: `UPDATE records SET doc = replace(doc, '"wrote"', '"read"') WHERE seq = 6 AND` + ofChain("r-1"),
			want: []string{"r-1 6 the record was changed"},
		},
		{
			name: "a record is no JSON any more", sql: `UPDATE records SET doc = '{' WHERE seq = 1 AND` + ofChain("r-3"),
			want: []string{"r-3 1 the record was changed", "r-3 1 the chain should end here", "r-3 1 the record is another than checkpoint 2 saw"},
		},
		{
			name: "a record in the middle is removed", sql: `DELETE FROM records WHERE seq = 2 AND` + ofChain("r-2"),
			want: []string{"r-2 2 the record is missing: 3 comes after 1"},
		},
		{
			name: "the end of a chain is removed", sql: `DELETE FROM records WHERE seq > 1 AND` + ofChain("r-2"),
			want: []string{"r-2 3 the chain should end here", "r-2 3 the record is missing: checkpoint 1"},
		},
		{
			name: "the end of a chain is removed, and its head put back", sql: `DELETE FROM records WHERE seq > 4 AND` + ofChain("r-1") + `;
				UPDATE chains SET seq = 4, hash = (SELECT json_extract(doc, '$.hash') FROM records WHERE seq = 4 AND chain = pk) WHERE subject = 'r-1'`,
			want: []string{"r-1 5 the record is missing: checkpoint 2"},
		},
		{
			name: "only the head is put back", sql: `UPDATE chains SET seq = 4, hash = 'x' WHERE subject = 'r-1'`,
			want: []string{"r-1 4 the chain should end here"},
		},
		{
			name: "a whole run is removed", sql: `DELETE FROM records WHERE` + ofChain("r-2") + `; DELETE FROM chains WHERE subject = 'r-2'`,
			want: []string{"r-2 0 the whole chain was removed: checkpoint 1 saw it with 3"},
		},
		{
			name: "a subject is renamed", sql: `UPDATE chains SET subject = 'r-9' WHERE subject = 'r-3'`,
			want: []string{"r-9 1 the record belongs to r-3", "r-3 0 the whole chain was removed"},
		},
		{
			name: "a chain is written anew", tamper: func(t *testing.T, s tampered) { s.rewrite(t, "r-2", 2) },
			want: []string{"r-2 3 the record is another than checkpoint 1 saw"},
		},
		{
			name: "the end of a chain is written anew", tamper: func(t *testing.T, s tampered) { s.rewrite(t, "r-1", 5) },
			want: []string{"r-1 5 the record is another than checkpoint 2 saw"},
		},
		{
			name: "a chain is written anew, and signed by a checkpoint that knows no better", tamper: func(t *testing.T, s tampered) {
				s.rewrite(t, "r-2", 1)
				checkpoint(t, s)
			},
			want: []string{"r-2 3 the record is another than checkpoint 1 saw"},
		},
		{
			name: "a run is removed before the next checkpoint", tamper: func(t *testing.T, s tampered) {
				s.exec(t, `DELETE FROM records WHERE`+ofChain("r-2")+`; DELETE FROM chains WHERE subject = 'r-2'`)
				checkpoint(t, s)
			},
			want: []string{"r-2 0 the whole chain was removed"},
		},
		{
			name: "a checkpoint is edited", sql: `UPDATE checkpoints SET doc = replace(doc, '"records":8', '"records":7') WHERE seq = 1`,
			want: []string{"checkpoints 1 its signature is wrong"},
		},
		{
			name: "a checkpoint in the middle is removed", sql: `DELETE FROM checkpoints WHERE seq = 1`,
			want: []string{"checkpoints 1 it is missing: checkpoint 2 comes next"},
		},
		{
			name: "a checkpoint is no JSON any more", sql: `UPDATE checkpoints SET doc = '"' WHERE seq = 1`,
			want: []string{"checkpoints 0 they can't be read"},
		},
		{
			name: "a checkpoint stands in another's place", sql: `UPDATE checkpoints SET doc = (SELECT doc FROM checkpoints WHERE seq = 1) WHERE seq = 2`,
			want: []string{"checkpoints 2 it is missing: checkpoint 1 comes next"},
		},
		{
			name: "the heads of a checkpoint are edited", sql: `UPDATE settings SET value = replace(value, '"r-2"', '"r-8"') WHERE name LIKE 'checkpoint-heads/%/0'`,
			want: []string{"checkpoints 1 the list of its heads", "checkpoints 2 the list of its heads"},
		},
		{
			name: "the heads of the last checkpoint are removed", tamper: func(t *testing.T, s tampered) {
				all, err := s.Checkpoints(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				s.exec(t, "DELETE FROM settings WHERE name = ?", setting(all[1].Root))
			},
			want: []string{"checkpoints 2 the list of its heads"},
		},
		{
			name: "a run is removed, and its heads with it", sql: `DELETE FROM records WHERE` + ofChain("r-3") + `; DELETE FROM chains WHERE subject = 'r-3';
				UPDATE settings SET value = replace(value, substr(value, instr(value, '["r-3"')), '') WHERE value LIKE '%["r-3"%'`,
			want: []string{"checkpoints 2 the list of its heads"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newTampered(t)
			if row.tamper != nil {
				row.tamper(t, s)
			} else {
				s.exec(t, row.sql)
			}
			got := verified(t, s).Problems
			if len(got) != len(row.want) {
				t.Fatalf("got %+v, want %q", got, row.want)
			}
			for i, p := range got {
				if text := fmt.Sprintf("%s %d %s", p.Subject, p.Seq, p.What); !strings.HasPrefix(text, row.want[i]) || p.Do == "" {
					t.Errorf("got %q (%s), want %q", text, p.Do, row.want[i])
				}
			}
		})
	}
}

func TestCheckpointsGoOnAfterTheirHeadsWereLost(t *testing.T) {
	t.Parallel()
	s := newTampered(t)
	s.exec(t, "DELETE FROM settings")
	if got := verified(t, s).Problems; len(got) != 2 {
		t.Fatalf("got %+v, want both checkpoints", got)
	}
	c := checkpoint(t, s)
	if got := verified(t, s); c.Seq != 3 || len(got.Problems) != 2 || got.Unsigned != 0 {
		t.Errorf("after checkpoint %d: %+v", c.Seq, got)
	}
}
