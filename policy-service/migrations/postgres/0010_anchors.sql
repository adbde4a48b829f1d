-- Never edited once released: a change is a migration of its own.

-- How much of each log an anchor has, by the anchor's name in the configuration, and since when; of a witness
-- also the head as it cosigned it.
CREATE TABLE log_anchor (
    log   BIGINT NOT NULL,
    name  TEXT   NOT NULL,
    size  BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    note  TEXT,
    PRIMARY KEY (log, name)
);
