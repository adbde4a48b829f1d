-- Never edited once released: a change is a migration of its own.

-- A batch is kept when it comes and has no record then: the record of its minute has it, at `idx`. How many
-- batches of its worker were missing before it, and whether it was missing itself, is known when it comes.
CREATE TABLE event_batch_of_minutes (
    gateway  TEXT    NOT NULL,
    worker   BLOB    NOT NULL CHECK (length(worker) = 16),
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    idx      INTEGER REFERENCES audit_entry (idx),
    at_ms    INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    lost     INTEGER NOT NULL,
    missing  INTEGER NOT NULL DEFAULT 0,
    is_late  INTEGER NOT NULL DEFAULT 0 CHECK (is_late IN (0, 1)),
    body     TEXT    NOT NULL CHECK (length(body) <= 65536),
    PRIMARY KEY (gateway, worker, sequence)
) STRICT;
INSERT INTO event_batch_of_minutes (gateway, worker, sequence, idx, at_ms, requests, lost, body)
    SELECT gateway, worker, sequence, idx, at_ms, requests, lost, body FROM event_batch ORDER BY rowid;
DROP TRIGGER event_batch_is_append_only;
DROP TRIGGER event_batch_is_never_deleted;
DROP TABLE event_batch;
ALTER TABLE event_batch_of_minutes RENAME TO event_batch;
CREATE INDEX event_batch_by_time ON event_batch (at_ms);
CREATE INDEX event_batch_unrecorded ON event_batch (gateway, worker, sequence, at_ms) WHERE idx IS NULL;
-- A record that is removed with its log looks for those that name it.
CREATE INDEX event_batch_by_record ON event_batch (idx) WHERE idx IS NOT NULL;

CREATE TRIGGER event_batch_is_recorded_once BEFORE UPDATE ON event_batch
    WHEN OLD.idx IS NOT NULL OR NEW.idx IS NULL OR NEW.body <> OLD.body OR NEW.at_ms <> OLD.at_ms
    BEGIN SELECT RAISE(ABORT, 'event_batch is append-only'); END;
CREATE TRIGGER event_batch_is_never_deleted BEFORE DELETE ON event_batch
    BEGIN SELECT RAISE(ABORT, 'event_batch is append-only'); END;
