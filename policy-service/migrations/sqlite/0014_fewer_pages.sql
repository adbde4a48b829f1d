-- Never edited once released: a change is a migration of its own.

-- A use of a grant writes fewer pages.
-- What is open is found by when it ends, as what is not has no such time.
DROP INDEX approval_by_state;

-- A use has the place of its record, which is its key then.
CREATE TABLE grant_use_by_record (
    idx      INTEGER NOT NULL PRIMARY KEY REFERENCES audit_entry (idx),
    approval TEXT    NOT NULL REFERENCES approval (id),
    gateway  TEXT    NOT NULL,
    use_key  BLOB    NOT NULL CHECK (length(use_key) = 16),
    at_ms    INTEGER NOT NULL,
    -- What was answered, so that a replay is the same answer.
    scope      TEXT    NOT NULL,
    is_seen    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    -- Until when values are lifted under it.
    lifts_until_ms INTEGER NOT NULL,
    UNIQUE (gateway, use_key)
) STRICT;
INSERT INTO grant_use_by_record
    (idx, approval, gateway, use_key, at_ms, scope, is_seen, expires_ms, lifts_until_ms)
    SELECT idx, approval, gateway, use_key, at_ms, scope, is_seen, expires_ms, lifts_until_ms FROM grant_use;
DROP TABLE grant_use;
ALTER TABLE grant_use_by_record RENAME TO grant_use;
CREATE INDEX grant_use_by_approval ON grant_use (approval);

-- The latest moment that anybody has seen changes with every record, as the head of the log does.
ALTER TABLE audit_log ADD COLUMN max_time_ms INTEGER NOT NULL DEFAULT 0;
UPDATE audit_log SET max_time_ms = (SELECT max_time_ms FROM meta);
ALTER TABLE meta DROP COLUMN max_time_ms;

-- Which records are about an approval is told once they are in the log's tree: until then a vote is kept too.
DROP TRIGGER vote_is_never_deleted;
CREATE TRIGGER vote_is_never_deleted BEFORE DELETE ON vote
    WHEN NOT EXISTS (SELECT 1 FROM approval_record told WHERE told.approval = old.approval)
         OR EXISTS (SELECT 1 FROM approval_record told
                    WHERE told.approval = old.approval
                          AND NOT EXISTS (SELECT 1 FROM closed_log
                                          WHERE pruned IS NOT NULL
                                                AND told.idx >= first AND told.idx < first + size))
    BEGIN SELECT RAISE(ABORT, 'vote is append-only'); END;
