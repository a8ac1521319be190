-- Runs and findings by resource. What the runs' columns hold beyond this is
-- filled in by migrate.go: their documents are encrypted.

ALTER TABLE runs ADD COLUMN resource TEXT NOT NULL DEFAULT '';
CREATE INDEX runs_by_resource ON runs (resource, created_at, id);

ALTER TABLE findings ADD COLUMN resource TEXT NOT NULL DEFAULT '';
UPDATE findings SET resource = coalesce((SELECT json_extract(CAST(d.doc AS TEXT), '$.resources[0].id') FROM finding_docs d WHERE d.pk = findings.pk), '');
CREATE INDEX findings_by_resource ON findings (resource, updated_at, id);
