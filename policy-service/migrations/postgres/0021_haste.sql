-- Never edited once released: a change is a migration of its own.

-- When a vote said yes: who approves many within a minute is told by it. Of votes from before that is not known.
ALTER TABLE vote ADD COLUMN approved_ms BIGINT;
CREATE INDEX vote_approved ON vote (approved_ms) WHERE approved_ms IS NOT NULL;
