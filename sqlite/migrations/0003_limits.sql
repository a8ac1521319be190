-- What limits count, by scope, and the line of runs that they hold back.

CREATE TABLE ledgers (
	scope   TEXT    PRIMARY KEY,
	version INTEGER NOT NULL,
	doc     BLOB    NOT NULL
) WITHOUT ROWID;

CREATE TABLE line (
	run INTEGER PRIMARY KEY REFERENCES runs,
	doc BLOB    NOT NULL
);
