-- Never edited once released: a change is a migration of its own.
-- No sequences, triggers, advisory locks or deferred constraints: engines that speak PostgreSQL's
-- protocol have the rest.

CREATE TABLE meta (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    max_time_ms BIGINT NOT NULL
);
INSERT INTO meta (id, max_time_ms) VALUES (1, 0);

CREATE TABLE approval (
    id              TEXT   NOT NULL PRIMARY KEY,
    state           TEXT   NOT NULL CHECK (state IN ('collecting', 'pending', 'approved', 'denied',
                        'expired', 'cancelled', 'superseded', 'revoked', 'used')),
    principal       TEXT   NOT NULL,
    action          TEXT NOT NULL,
    fingerprint_mac BYTEA  NOT NULL CHECK (octet_length(fingerprint_mac) = 32),
    -- When the state ends by itself; NULL once it is final.
    due_ms          BIGINT,
    created_ms      BIGINT NOT NULL,
    updated_ms      BIGINT NOT NULL,
    version         BIGINT NOT NULL,
    -- The whole case in JSON, without its votes; of what people wrote only the commitments.
    body            TEXT   NOT NULL
);
-- At most one open case for the same ask of the same principal, whatever the code above believes.
CREATE UNIQUE INDEX approval_one_open ON approval (principal, fingerprint_mac)
    WHERE state IN ('collecting', 'pending', 'approved');
CREATE INDEX approval_by_ask ON approval (principal, fingerprint_mac, updated_ms);
CREATE INDEX approval_by_state ON approval (state, id);
CREATE INDEX approval_by_action ON approval (state, action);
CREATE INDEX approval_by_age ON approval (principal, created_ms);
CREATE INDEX approval_due ON approval (due_ms) WHERE due_ms IS NOT NULL;

CREATE TABLE audit_log (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    next_index BIGINT NOT NULL
);
INSERT INTO audit_log (id, next_index) VALUES (1, 0);

CREATE TABLE audit_entry (
    idx       BIGINT NOT NULL PRIMARY KEY,
    entry     BYTEA  NOT NULL CHECK (octet_length(entry) <= 16384),
    leaf_hash BYTEA  NOT NULL CHECK (octet_length(leaf_hash) = 32)
);

-- Append-only: the latest vote of a person counts.
CREATE TABLE vote (
    approval TEXT   NOT NULL REFERENCES approval (id),
    number   BIGINT NOT NULL,
    person   TEXT   NOT NULL,
    body     TEXT   NOT NULL,
    PRIMARY KEY (approval, number)
);

CREATE TABLE grant_use (
    approval TEXT   NOT NULL REFERENCES approval (id),
    gateway  TEXT   NOT NULL,
    use_key  BYTEA  NOT NULL CHECK (octet_length(use_key) = 16),
    idx      BIGINT NOT NULL UNIQUE REFERENCES audit_entry (idx),
    at_ms    BIGINT NOT NULL,
    -- What was answered, so that a replay is the same answer.
    scope      TEXT   NOT NULL,
    is_seen    BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (gateway, use_key)
);
CREATE INDEX grant_use_by_approval ON grant_use (approval);

-- The only place of what people wrote. Erasing salt and text leaves the log verifiable.
CREATE TABLE audit_secret (
    commitment BYTEA NOT NULL PRIMARY KEY CHECK (octet_length(commitment) = 32),
    salt       BYTEA,
    text       TEXT
);
