-- Never edited once released: a change is a migration of its own.

-- Since when somebody reviews, and is in each of their groups, by the configuration: who came later does not decide on
-- what was asked before. An empty name is that they review at all.
CREATE TABLE membership (
    person   TEXT NOT NULL,
    name     TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    PRIMARY KEY (person, name)
) STRICT;
