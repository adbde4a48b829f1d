-- Never edited once released: a change is a migration of its own.

-- Why nobody may open this store: it was moved to another, or is being moved here.
ALTER TABLE meta ADD COLUMN closed TEXT CHECK (closed IN ('arriving', 'moved'));
-- A digest of the fingerprint key: with another a service would not know the approvals that are here.
ALTER TABLE meta ADD COLUMN keys BLOB CHECK (length(keys) = 32);
