-- Never edited once released: a change is a migration of its own.

-- Where the values stand that reviewers saw: keys and classes, as JSON; the record has its digest. None where the
-- gateway did not tell.
ALTER TABLE evidence ADD COLUMN shape TEXT CHECK (length(shape) <= 32768);
