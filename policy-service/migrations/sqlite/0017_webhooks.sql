-- Never edited once released: a change is a migration of its own.

-- How far each endpoint of [[webhooks]] was told of the log: the index behind the last record that it was told or
-- that did not concern it.
CREATE TABLE webhook (
    name TEXT NOT NULL PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT;
