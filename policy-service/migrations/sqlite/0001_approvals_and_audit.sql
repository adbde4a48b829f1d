-- Never edited once released: a change is a migration of its own.

CREATE TABLE meta (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    max_time_ms INTEGER NOT NULL
) STRICT;
INSERT INTO meta (id, max_time_ms) VALUES (1, 0);

CREATE TABLE approval (
    id              TEXT    NOT NULL PRIMARY KEY,
    state           TEXT    NOT NULL CHECK (state IN ('collecting', 'pending', 'approved', 'denied',
                        'expired', 'cancelled', 'superseded', 'revoked', 'used')),
    principal       TEXT    NOT NULL,
    action          TEXT    NOT NULL,
    fingerprint_mac BLOB    NOT NULL CHECK (length(fingerprint_mac) = 32),
    -- When the state ends by itself; NULL once it is final.
    due_ms          INTEGER,
    created_ms      INTEGER NOT NULL,
    updated_ms      INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    -- The whole case in JSON, without its votes; of what people wrote only the commitments.
    body            TEXT    NOT NULL
) STRICT;
-- At most one open case for the same ask of the same principal, whatever the code above believes.
CREATE UNIQUE INDEX approval_one_open ON approval (principal, fingerprint_mac)
    WHERE state IN ('collecting', 'pending', 'approved');
CREATE INDEX approval_by_ask ON approval (principal, fingerprint_mac, updated_ms);
CREATE INDEX approval_by_state ON approval (state, id);
CREATE INDEX approval_by_action ON approval (state, action);
CREATE INDEX approval_by_age ON approval (principal, created_ms);
CREATE INDEX approval_due ON approval (due_ms) WHERE due_ms IS NOT NULL;

-- Append-only: the latest vote of a person counts.
CREATE TABLE vote (
    approval TEXT    NOT NULL REFERENCES approval (id),
    number   INTEGER NOT NULL,
    person   TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (approval, number)
) STRICT;

CREATE TABLE grant_use (
    approval TEXT    NOT NULL REFERENCES approval (id),
    gateway  TEXT    NOT NULL,
    use_key  BLOB    NOT NULL CHECK (length(use_key) = 16),
    idx      INTEGER NOT NULL UNIQUE REFERENCES audit_entry (idx),
    at_ms    INTEGER NOT NULL,
    -- What was answered, so that a replay is the same answer.
    scope      TEXT    NOT NULL,
    is_seen    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    UNIQUE (gateway, use_key)
) STRICT;
CREATE INDEX grant_use_by_approval ON grant_use (approval);

CREATE TABLE audit_log (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    next_index INTEGER NOT NULL
) STRICT;
INSERT INTO audit_log (id, next_index) VALUES (1, 0);

-- A rowid table: large rows in the index of a WITHOUT ROWID table cost several times the space.
CREATE TABLE audit_entry (
    idx       INTEGER NOT NULL PRIMARY KEY,
    entry     BLOB    NOT NULL CHECK (length(entry) <= 16384),
    leaf_hash BLOB    NOT NULL CHECK (length(leaf_hash) = 32)
) STRICT;

-- The only place of what people wrote. Erasing salt and text leaves the log verifiable.
CREATE TABLE audit_secret (
    commitment BLOB NOT NULL PRIMARY KEY CHECK (length(commitment) = 32),
    salt       BLOB,
    text       TEXT
) STRICT;

-- A seat belt, not a defence: who owns the file can drop them.
CREATE TRIGGER audit_entry_is_append_only BEFORE UPDATE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER audit_entry_is_never_deleted BEFORE DELETE ON audit_entry
    BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
CREATE TRIGGER vote_is_append_only BEFORE UPDATE ON vote
    BEGIN SELECT RAISE(ABORT, 'vote is append-only'); END;
CREATE TRIGGER vote_is_never_deleted BEFORE DELETE ON vote
    BEGIN SELECT RAISE(ABORT, 'vote is append-only'); END;
