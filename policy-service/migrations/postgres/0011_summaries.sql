-- Never edited once released: a change is a migration of its own.

-- A batch is kept when it comes and has no record then: the record of its minute has it, at `idx`. How many
-- batches of its worker were missing before it, and whether it was missing itself, is known when it comes.
ALTER TABLE event_batch DROP CONSTRAINT event_batch_idx_key;
ALTER TABLE event_batch ALTER COLUMN idx DROP NOT NULL;
ALTER TABLE event_batch ADD COLUMN missing BIGINT NOT NULL DEFAULT 0;
ALTER TABLE event_batch ADD COLUMN is_late BIGINT NOT NULL DEFAULT 0 CHECK (is_late IN (0, 1));
CREATE INDEX event_batch_unrecorded ON event_batch (gateway, worker, sequence, at_ms) WHERE idx IS NULL;
-- A record that is removed with its log looks for those that name it.
CREATE INDEX event_batch_by_record ON event_batch (idx) WHERE idx IS NOT NULL;
