-- Never edited once released: a change is a migration of its own.

-- A use of a grant writes fewer pages.
-- What is open is found by when it ends, as what is not has no such time.
DROP INDEX approval_by_state;

-- The latest moment that anybody has seen changes with every record, as the head of the log does.
ALTER TABLE audit_log ADD COLUMN max_time_ms BIGINT NOT NULL DEFAULT 0;
UPDATE audit_log SET max_time_ms = (SELECT max_time_ms FROM meta);
ALTER TABLE meta DROP COLUMN max_time_ms;
