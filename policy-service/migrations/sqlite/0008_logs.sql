-- Never edited once released: a change is a migration of its own.

-- The open log: which one it is, its name once it has one, and the index of its first record. A record's
-- place in its log is its index without that.
ALTER TABLE audit_log ADD COLUMN number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit_log ADD COLUMN name TEXT;
ALTER TABLE audit_log ADD COLUMN first INTEGER NOT NULL DEFAULT 0;

-- Those before it.
CREATE TABLE closed_log (
    number INTEGER NOT NULL PRIMARY KEY,
    name   TEXT    NOT NULL UNIQUE,
    first  INTEGER NOT NULL UNIQUE,
    size   INTEGER NOT NULL,
    -- How far it is known to have been: of one that lost records, further than it is.
    known  INTEGER NOT NULL
) STRICT;

-- How much of the open log is in tiles, and which service puts it there now, where several may; how much of
-- it a fence has, outside of this database; and the public key that its heads are signed with.
CREATE TABLE log_tree (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    log        INTEGER NOT NULL,
    size       INTEGER NOT NULL,
    holder     TEXT,
    held_until INTEGER NOT NULL,
    fenced     INTEGER NOT NULL,
    key        BLOB
) STRICT;
INSERT INTO log_tree (id, log, size, held_until, fenced) VALUES (1, 1, 0, 0, 0);

-- Hashes side by side, 32 bytes each, at most 256 (C2SP tlog-tiles). The last of each level grows.
CREATE TABLE log_tile (
    log    INTEGER NOT NULL,
    level  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (log, level, number)
) STRICT;

-- The last head of each log that was signed.
CREATE TABLE log_head (
    log   INTEGER NOT NULL PRIMARY KEY,
    size  INTEGER NOT NULL,
    note  TEXT    NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT;
