-- Never edited once released: a change is a migration of its own.

-- A use of a grant computes less: whenever a row is written, SQLite makes a table for each list of more than two that it
-- is compared with. The conditions are what they were, one by one. Who names no state gets one that is good for nothing.
DROP INDEX approval_one_open;
DROP INDEX approval_denied;
DROP INDEX approval_ended;

ALTER TABLE approval ADD COLUMN plain_state TEXT NOT NULL DEFAULT 'used'
    CHECK (plain_state = 'used' OR plain_state = 'approved' OR plain_state = 'pending' OR plain_state = 'collecting'
        OR plain_state = 'denied' OR plain_state = 'expired' OR plain_state = 'cancelled'
        OR plain_state = 'superseded' OR plain_state = 'revoked');
UPDATE approval SET plain_state = state;
ALTER TABLE approval DROP COLUMN state;
ALTER TABLE approval RENAME COLUMN plain_state TO state;

CREATE UNIQUE INDEX approval_one_open ON approval (principal, fingerprint_mac)
    WHERE state = 'approved' OR state = 'pending' OR state = 'collecting';
CREATE INDEX approval_denied ON approval (principal, action, alike, updated_ms)
    WHERE state = 'denied';
CREATE INDEX approval_ended ON approval (state, id)
    WHERE state = 'denied' OR state = 'expired' OR state = 'cancelled' OR state = 'superseded' OR state = 'revoked';
