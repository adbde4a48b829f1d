-- Never edited once released: a change is a migration of its own.

-- Who has signed in at the inbox. `id` is the SHA-256 of a token that only the browser has.
CREATE TABLE session (
    id       BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(id) = 32),
    person   TEXT   NOT NULL,
    begun_ms BIGINT NOT NULL,
    seen_ms  BIGINT NOT NULL,
    -- What asks the provider further in the person's name, sealed under a key that is made of the token.
    access   BYTEA
);
CREATE INDEX session_by_person ON session (person);

-- What was good for once only and was used: by its SHA-256, until it would have been good no longer.
CREATE TABLE spent (
    what     BYTEA  NOT NULL PRIMARY KEY CHECK (octet_length(what) = 32),
    until_ms BIGINT NOT NULL
);

-- In which groups of the directory somebody is by the provider's word, a list in JSON, and when it said so.
CREATE TABLE group_reading (
    person TEXT   NOT NULL PRIMARY KEY,
    names  TEXT   NOT NULL,
    at_ms  BIGINT NOT NULL
);

-- What somebody has signed in anew for: a session, the SHA-256 of what they are about to approve, and how.
CREATE TABLE confirmation (
    session BYTEA  NOT NULL CHECK (octet_length(session) = 32),
    what    BYTEA  NOT NULL CHECK (octet_length(what) = 32),
    acr     TEXT,
    at_ms   BIGINT NOT NULL,
    PRIMARY KEY (session, what)
);
