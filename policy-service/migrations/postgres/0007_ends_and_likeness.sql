-- Never edited once released: a change is a migration of its own.

-- Until when values are lifted under a use. An answer from before lifts nothing when it comes again.
ALTER TABLE grant_use ADD COLUMN lifts_until_ms BIGINT NOT NULL DEFAULT 0;

-- When a stop has nothing left to stop, where that is known.
ALTER TABLE stop ADD COLUMN until_ms BIGINT;

-- What asks have in common that differ in their details only: the resource's keyed token and the classes.
ALTER TABLE approval ADD COLUMN alike TEXT;
CREATE INDEX approval_denied ON approval (principal, action, alike, updated_ms)
    WHERE state = 'denied';
