-- Never edited once released: a change is a migration of its own.

-- Requests that were carried out and must not be so again: who sent them, the SHA-256 of their key and
-- of what they were, and the thing that came of them. Forgotten after a day.
CREATE TABLE idempotency (
    caller   TEXT   NOT NULL,
    key_hash BYTEA  NOT NULL CHECK (octet_length(key_hash) = 32),
    request  BYTEA  NOT NULL CHECK (octet_length(request) = 32),
    thing    TEXT   NOT NULL,
    at_ms    BIGINT NOT NULL,
    PRIMARY KEY (caller, key_hash)
);
CREATE INDEX idempotency_by_age ON idempotency (at_ms);
