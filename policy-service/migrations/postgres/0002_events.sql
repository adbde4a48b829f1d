-- Never edited once released: a change is a migration of its own.

-- What gateways reported without any review, as it came; the record at `idx` has its digest.
CREATE TABLE event_batch (
    gateway  TEXT   NOT NULL,
    worker   BYTEA  NOT NULL CHECK (octet_length(worker) = 16),
    sequence BIGINT NOT NULL CHECK (sequence > 0),
    idx      BIGINT NOT NULL UNIQUE REFERENCES audit_entry (idx),
    at_ms    BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    lost     BIGINT NOT NULL,
    body     TEXT   NOT NULL CHECK (octet_length(body) <= 65536),
    -- A batch that is sent again counts once.
    PRIMARY KEY (gateway, worker, sequence)
);
CREATE INDEX event_batch_by_time ON event_batch (at_ms);
