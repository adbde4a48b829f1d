-- Never edited once released: a change is a migration of its own.

-- How much of each log an anchor has, by the anchor's name in the configuration, and since when; of a witness
-- also the head as it cosigned it.
CREATE TABLE log_anchor (
    log   INTEGER NOT NULL,
    name  TEXT    NOT NULL,
    size  INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    note  TEXT,
    PRIMARY KEY (log, name)
) STRICT;
