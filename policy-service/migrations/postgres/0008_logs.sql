-- Never edited once released: a change is a migration of its own.

-- The open log: which one it is, its name once it has one, and the index of its first record. A record's
-- place in its log is its index without that.
ALTER TABLE audit_log ADD COLUMN number BIGINT NOT NULL DEFAULT 1;
ALTER TABLE audit_log ADD COLUMN name TEXT;
ALTER TABLE audit_log ADD COLUMN first BIGINT NOT NULL DEFAULT 0;

-- Those before it.
CREATE TABLE closed_log (
    number BIGINT NOT NULL PRIMARY KEY,
    name   TEXT    NOT NULL UNIQUE,
    first  BIGINT NOT NULL UNIQUE,
    size   BIGINT NOT NULL,
    -- How far it is known to have been: of one that lost records, further than it is.
    known  BIGINT NOT NULL
);

-- How much of the open log is in tiles, and which service puts it there now, where several may; how much of
-- it a fence has, outside of this database; and the public key that its heads are signed with.
CREATE TABLE log_tree (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    log        BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    holder     TEXT,
    held_until BIGINT NOT NULL,
    fenced     BIGINT NOT NULL,
    key        BYTEA
);
INSERT INTO log_tree (id, log, size, held_until, fenced) VALUES (1, 1, 0, 0, 0);

-- Hashes side by side, 32 bytes each, at most 256 (C2SP tlog-tiles). The last of each level grows.
CREATE TABLE log_tile (
    log    BIGINT NOT NULL,
    level  BIGINT NOT NULL,
    number BIGINT NOT NULL,
    hashes BYTEA NOT NULL CHECK (octet_length(hashes) BETWEEN 32 AND 8192),
    PRIMARY KEY (log, level, number)
);

-- The last head of each log that was signed.
CREATE TABLE log_head (
    log   BIGINT NOT NULL PRIMARY KEY,
    size  BIGINT NOT NULL,
    note  TEXT    NOT NULL,
    at_ms BIGINT NOT NULL
);
