-- Never edited once released: a change is a migration of its own.

-- The tags of the values that reviewers saw, 8 bytes each, sorted; the record has their digest.
CREATE TABLE evidence (
    approval TEXT NOT NULL PRIMARY KEY REFERENCES approval (id),
    tags     BYTEA NOT NULL CHECK (octet_length(tags) <= 32768)
);

-- What left under a use, once.
CREATE TABLE outcome (
    gateway  TEXT    NOT NULL,
    use_key  BYTEA    NOT NULL,
    approval TEXT    NOT NULL REFERENCES approval (id),
    idx      BIGINT NOT NULL UNIQUE REFERENCES audit_entry (idx),
    at_ms    BIGINT NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (gateway, use_key)
);
CREATE INDEX outcome_by_approval ON outcome (approval);

CREATE TABLE stop (
    id        TEXT    NOT NULL PRIMARY KEY,
    is_active BIGINT NOT NULL CHECK (is_active IN (0, 1)),
    -- Of the record of its latest change: the greatest of all is the version that workers keep to.
    idx       BIGINT NOT NULL UNIQUE REFERENCES audit_entry (idx),
    comment   BYTEA,
    body      TEXT    NOT NULL
);
CREATE INDEX stop_active ON stop (idx) WHERE is_active = 1;

CREATE TABLE emergency (
    id          TEXT    NOT NULL PRIMARY KEY,
    is_reviewed BIGINT NOT NULL CHECK (is_reviewed IN (0, 1)),
    opened_by   TEXT    NOT NULL,
    principal   TEXT    NOT NULL,
    version     BIGINT NOT NULL,
    body        TEXT    NOT NULL
);
CREATE INDEX emergency_unreviewed ON emergency (id) WHERE is_reviewed = 0;
