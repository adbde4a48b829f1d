-- Never edited once released: a change is a migration of its own.

-- The security keys of people. `id` is the SHA-256 of `raw_id`, by which browsers find a key; `body` is what the key
-- is, in JSON; `mac` is the service's own code of both, so that a row that somebody else wrote is no key.
CREATE TABLE security_key (
    id      BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    raw_id  BLOB NOT NULL,
    person  TEXT NOT NULL,
    body    TEXT NOT NULL,
    mac     BLOB NOT NULL CHECK (length(mac) = 32),
    -- What it has counted to, and when it was used last.
    counter INTEGER NOT NULL,
    used_ms INTEGER
) STRICT;
CREATE INDEX security_key_by_person ON security_key (person);
