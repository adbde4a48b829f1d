-- Never edited once released: a change is a migration of its own.

-- Of a log whose year is over: when it was closed, the root over all of it, and how much of it a fence had
-- then. Of one that was removed: the index of the record which says so.
ALTER TABLE closed_log ADD COLUMN closed_ms BIGINT;
ALTER TABLE closed_log ADD COLUMN root BYTEA CHECK (octet_length(root) = 32);
ALTER TABLE closed_log ADD COLUMN fenced BIGINT NOT NULL DEFAULT 0;
ALTER TABLE closed_log ADD COLUMN pruned BIGINT;

-- A stop outlives the log that has its record.
ALTER TABLE stop DROP CONSTRAINT stop_idx_fkey;
