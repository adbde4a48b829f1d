-- Never edited once released: a change is a migration of its own.

-- What gateways reported without any review, as it came; the record at `idx` has its digest.
CREATE TABLE event_batch (
    gateway  TEXT    NOT NULL,
    worker   BLOB    NOT NULL CHECK (length(worker) = 16),
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    idx      INTEGER NOT NULL UNIQUE REFERENCES audit_entry (idx),
    at_ms    INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    lost     INTEGER NOT NULL,
    body     TEXT    NOT NULL CHECK (length(body) <= 65536),
    -- A batch that is sent again counts once.
    PRIMARY KEY (gateway, worker, sequence)
) STRICT;
CREATE INDEX event_batch_by_time ON event_batch (at_ms);

CREATE TRIGGER event_batch_is_append_only BEFORE UPDATE ON event_batch
    BEGIN SELECT RAISE(ABORT, 'event_batch is append-only'); END;
CREATE TRIGGER event_batch_is_never_deleted BEFORE DELETE ON event_batch
    BEGIN SELECT RAISE(ABORT, 'event_batch is append-only'); END;
