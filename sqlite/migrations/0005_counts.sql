-- How many findings there are of each kind, kept as they come and change:
-- counting a million of them takes seconds.

CREATE TABLE finding_counts (
	facet TEXT    NOT NULL,                    -- outcome, severity, control, account
	value TEXT    NOT NULL,
	n     INTEGER NOT NULL,
	PRIMARY KEY (facet, value)
) WITHOUT ROWID;

INSERT INTO finding_counts SELECT 'outcome',  outcome,  count(*) FROM findings GROUP BY outcome;
INSERT INTO finding_counts SELECT 'severity', severity, count(*) FROM findings GROUP BY severity;
INSERT INTO finding_counts SELECT 'control',  control,  count(*) FROM findings GROUP BY control;
INSERT INTO finding_counts SELECT 'account',  account,  count(*) FROM findings GROUP BY account;

-- Regions, severities and outcomes are few, and so are the kinds of findings by
-- all three: some hundreds. A finding has the number of its kind, so that one
-- index finds those of any Region, severity and outcome: kind by kind.
CREATE TABLE kinds (
	pk       INTEGER PRIMARY KEY,
	region   TEXT    NOT NULL,
	severity TEXT    NOT NULL,
	outcome  TEXT    NOT NULL,
	UNIQUE (region, severity, outcome)
);
INSERT INTO kinds (region, severity, outcome) SELECT DISTINCT region, severity, outcome FROM findings;

DROP INDEX findings_by_time;
DROP INDEX findings_by_account;
DROP INDEX findings_by_control;
DROP INDEX findings_by_outcome;
DROP INDEX findings_by_resource;

ALTER TABLE findings ADD COLUMN kind INTEGER NOT NULL DEFAULT 0;
UPDATE findings SET kind = (SELECT k.pk FROM kinds k WHERE k.region = findings.region AND k.severity = findings.severity AND k.outcome = findings.outcome);
ALTER TABLE findings DROP COLUMN region;
ALTER TABLE findings DROP COLUMN severity;
ALTER TABLE findings DROP COLUMN outcome;

-- Findings of the same time come in the order of their keys, which each index
-- has anyway. Their ids, ten times as long, were most of what a finding cost.
-- What stands behind the key is there to be filtered by: an account or a control
-- may have a hundred thousand findings, and to look each up takes a second.
CREATE INDEX findings_by_time     ON findings (updated_at);
CREATE INDEX findings_by_kind     ON findings (kind, updated_at);
CREATE INDEX findings_by_account  ON findings (account, updated_at, pk, control, kind);
CREATE INDEX findings_by_control  ON findings (control, updated_at, pk, kind);
CREATE INDEX findings_by_resource ON findings (resource, updated_at);
