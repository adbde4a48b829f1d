-- Never edited once released: a change is a migration of its own.

-- Of a log whose year is over: when it was closed, the root over all of it, and how much of it a fence had
-- then. Of one that was removed: the index of the record which says so.
ALTER TABLE closed_log ADD COLUMN closed_ms INTEGER;
ALTER TABLE closed_log ADD COLUMN root BLOB CHECK (length(root) = 32);
ALTER TABLE closed_log ADD COLUMN fenced INTEGER NOT NULL DEFAULT 0;
ALTER TABLE closed_log ADD COLUMN pruned INTEGER;

-- A stop outlives the log that has its record.
CREATE TABLE lasting_stop (
    id        TEXT    NOT NULL PRIMARY KEY,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    -- Of the record of its latest change: the greatest of all is the version that workers keep to.
    idx       INTEGER NOT NULL UNIQUE,
    comment   BLOB,
    body      TEXT    NOT NULL,
    until_ms  INTEGER
) STRICT;
INSERT INTO lasting_stop (id, is_active, idx, comment, body, until_ms)
    SELECT id, is_active, idx, comment, body, until_ms FROM stop;
DROP TABLE stop;
ALTER TABLE lasting_stop RENAME TO stop;
CREATE INDEX stop_active ON stop (idx) WHERE is_active = 1;

-- Nothing goes but what belongs to a log of which a record says that it was removed.
DROP TRIGGER audit_entry_is_never_deleted;
CREATE TRIGGER audit_entry_is_never_deleted BEFORE DELETE ON audit_entry
    WHEN NOT EXISTS (SELECT 1 FROM closed_log
                     WHERE pruned IS NOT NULL AND old.idx >= first AND old.idx < first + size)
    BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
DROP TRIGGER event_batch_is_never_deleted;
CREATE TRIGGER event_batch_is_never_deleted BEFORE DELETE ON event_batch
    WHEN NOT EXISTS (SELECT 1 FROM closed_log
                     WHERE pruned IS NOT NULL AND old.idx >= first AND old.idx < first + size)
    BEGIN SELECT RAISE(ABORT, 'event_batch is append-only'); END;
DROP TRIGGER vote_is_never_deleted;
CREATE TRIGGER vote_is_never_deleted BEFORE DELETE ON vote
    WHEN EXISTS (SELECT 1 FROM approval_record told
                 WHERE told.approval = old.approval
                       AND NOT EXISTS (SELECT 1 FROM closed_log
                                       WHERE pruned IS NOT NULL
                                             AND told.idx >= first AND told.idx < first + size))
    BEGIN SELECT RAISE(ABORT, 'vote is append-only'); END;
