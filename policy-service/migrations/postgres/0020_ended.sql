-- Never edited once released: a change is a migration of its own.

-- What has ended in any other way than by being used is found by how and when it was asked. A use of a grant
-- leaves this alone: neither what it uses nor what becomes of it is in here.
CREATE INDEX approval_ended ON approval (state, id)
    WHERE state IN ('denied', 'expired', 'cancelled', 'superseded', 'revoked');
