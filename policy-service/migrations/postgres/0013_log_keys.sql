-- Never edited once released: a change is a migration of its own.

-- Every key that signs, or signed, the heads of a log, from the record at this place of the log on. It stands
-- here in the place of log_tree.key, which is not read any more.
CREATE TABLE log_key (
    log    BIGINT NOT NULL,
    begins BIGINT NOT NULL,
    key    BYTEA  NOT NULL CHECK (octet_length(key) = 32),
    -- The first head over that record which the key before it has signed.
    note   TEXT,
    PRIMARY KEY (log, begins)
);
INSERT INTO log_key (log, begins, key) SELECT log, 0, key FROM log_tree WHERE key IS NOT NULL;
