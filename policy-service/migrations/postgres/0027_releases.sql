-- Never edited once released: a change is a migration of its own.

-- What was released since some time is counted by when it was.
CREATE INDEX grant_use_by_time ON grant_use (at_ms);
