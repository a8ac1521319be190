-- Times are microseconds since 1970, UTC. Columns hold what queries and
-- uniqueness need; everything else stands in the documents, which have tables
-- of their own so that scans of the columns stay small.

CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
	pk           INTEGER PRIMARY KEY,
	id           TEXT    NOT NULL UNIQUE,
	version      INTEGER NOT NULL,
	state        TEXT    NOT NULL,
	account      TEXT    NOT NULL,
	control      TEXT    NOT NULL,
	claim        TEXT    NOT NULL,
	created_at   INTEGER NOT NULL,
	due_at       INTEGER,                      -- NULL: it has ended or waits for a person
	leased_to    TEXT    NOT NULL DEFAULT '',
	leased_until INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX runs_by_time    ON runs (created_at, id);
CREATE INDEX runs_by_state   ON runs (state, created_at, id);
CREATE INDEX runs_by_account ON runs (account, created_at, id);
CREATE INDEX runs_by_control ON runs (control, created_at, id);
CREATE INDEX runs_by_claim   ON runs (claim, created_at, id);
CREATE INDEX runs_by_due     ON runs (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE run_docs (
	pk  INTEGER PRIMARY KEY REFERENCES runs,
	doc BLOB NOT NULL                          -- encrypted: it holds how resources were before
);

CREATE TABLE run_findings (                    -- that the run follows or followed
	finding TEXT    NOT NULL,
	run     INTEGER NOT NULL REFERENCES runs,
	PRIMARY KEY (finding, run)
) WITHOUT ROWID;

CREATE TABLE claims (                          -- of open runs
	claim TEXT    PRIMARY KEY,
	run   INTEGER NOT NULL UNIQUE REFERENCES runs
) WITHOUT ROWID;

CREATE TABLE locks (
	setting TEXT    PRIMARY KEY,
	run     INTEGER NOT NULL REFERENCES runs
) WITHOUT ROWID;
CREATE INDEX locks_by_run ON locks (run);

CREATE TABLE findings (
	pk         INTEGER PRIMARY KEY,
	id         TEXT    NOT NULL UNIQUE,
	version    INTEGER NOT NULL,
	account    TEXT    NOT NULL,
	region     TEXT    NOT NULL,
	control    TEXT    NOT NULL,
	severity   TEXT    NOT NULL,
	outcome    TEXT    NOT NULL,
	updated_at INTEGER NOT NULL
);
-- Regions and severities are few: a scan in order of time finds their rows soon.
CREATE INDEX findings_by_time    ON findings (updated_at, id);
CREATE INDEX findings_by_account ON findings (account, updated_at, id);
CREATE INDEX findings_by_control ON findings (control, updated_at, id);
CREATE INDEX findings_by_outcome ON findings (outcome, updated_at, id);

CREATE TABLE finding_docs (
	pk  INTEGER PRIMARY KEY REFERENCES findings,
	doc BLOB NOT NULL
);

CREATE TABLE rejected (
	pk  INTEGER PRIMARY KEY,
	id  TEXT    NOT NULL UNIQUE,
	at  INTEGER NOT NULL,
	doc BLOB    NOT NULL
);
CREATE INDEX rejected_by_time ON rejected (at);

CREATE TABLE chains (                          -- heads of the audit log's chains
	pk      INTEGER PRIMARY KEY,
	subject TEXT    NOT NULL UNIQUE,
	seq     INTEGER NOT NULL,
	hash    TEXT    NOT NULL
);

CREATE TABLE records (
	chain INTEGER NOT NULL REFERENCES chains,
	seq   INTEGER NOT NULL,
	doc   BLOB    NOT NULL,
	PRIMARY KEY (chain, seq)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
	seq INTEGER PRIMARY KEY,
	doc BLOB NOT NULL
);

CREATE TABLE messages (
	pk     INTEGER PRIMARY KEY,
	id     TEXT    NOT NULL UNIQUE,
	due_at INTEGER NOT NULL,
	doc    BLOB    NOT NULL                    -- encrypted
);
CREATE INDEX messages_by_due ON messages (due_at, pk);

CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE calls (
	pk  INTEGER PRIMARY KEY,
	run TEXT    NOT NULL,
	doc BLOB    NOT NULL
);
CREATE INDEX calls_by_run ON calls (run, pk);
