-- Never edited once released: a change is a migration of its own.

-- Why nobody may open this store: it was moved to another, or is being moved here.
ALTER TABLE meta ADD COLUMN closed TEXT CHECK (closed IN ('arriving', 'moved'));
-- A digest of the keys that its services have: with others they would not know their own approvals.
ALTER TABLE meta ADD COLUMN keys BYTEA CHECK (octet_length(keys) = 32);
