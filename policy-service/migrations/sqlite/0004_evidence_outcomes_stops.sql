-- Never edited once released: a change is a migration of its own.

-- The tags of the values that reviewers saw, 8 bytes each, sorted; the record has their digest.
CREATE TABLE evidence (
    approval TEXT NOT NULL PRIMARY KEY REFERENCES approval (id),
    tags     BLOB NOT NULL CHECK (length(tags) <= 32768)
) STRICT;

-- What left under a use, once.
CREATE TABLE outcome (
    gateway  TEXT    NOT NULL,
    use_key  BLOB    NOT NULL,
    approval TEXT    NOT NULL REFERENCES approval (id),
    idx      INTEGER NOT NULL UNIQUE REFERENCES audit_entry (idx),
    at_ms    INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    PRIMARY KEY (gateway, use_key)
) STRICT;
CREATE INDEX outcome_by_approval ON outcome (approval);

CREATE TABLE stop (
    id        TEXT    NOT NULL PRIMARY KEY,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    -- Of the record of its latest change: the greatest of all is the version that workers keep to.
    idx       INTEGER NOT NULL UNIQUE REFERENCES audit_entry (idx),
    comment   BLOB,
    body      TEXT    NOT NULL
) STRICT;
CREATE INDEX stop_active ON stop (idx) WHERE is_active = 1;

CREATE TABLE emergency (
    id          TEXT    NOT NULL PRIMARY KEY,
    is_reviewed INTEGER NOT NULL CHECK (is_reviewed IN (0, 1)),
    opened_by   TEXT    NOT NULL,
    principal   TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    body        TEXT    NOT NULL
) STRICT;
CREATE INDEX emergency_unreviewed ON emergency (id) WHERE is_reviewed = 0;
