-- Never edited once released: a change is a migration of its own.

-- Of the record that began it: the version that workers keep to who have heard of it, whatever comes later. Of a
-- stop that was resumed before, that is not known.
ALTER TABLE stop ADD COLUMN begun BIGINT;
UPDATE stop SET begun = idx WHERE is_active = 1;
CREATE INDEX stop_begun ON stop (begun);
CREATE INDEX stop_lapsing ON stop (until_ms) WHERE is_active = 1;

-- What the services heard of a worker about a stop. A stop does not hold by it: leases run out.
CREATE TABLE stop_confirmation (
    stop      TEXT    NOT NULL REFERENCES stop (id),
    gateway   TEXT    NOT NULL,
    worker    BYTEA   NOT NULL CHECK (octet_length(worker) = 16),
    -- Whether it is known to have had a lease when the stop was made.
    was_there BIGINT NOT NULL CHECK (was_there IN (0, 1)),
    -- How long after the stop it said that it keeps to it; none yet.
    after_ms  BIGINT CHECK (after_ms >= 0),
    PRIMARY KEY (stop, gateway, worker)
);
