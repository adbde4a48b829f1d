-- Never edited once released: a change is a migration of its own.

-- A use of a grant writes fewer pages: each of these was one or two of them.
-- Few approvals are open, so that the index by state is enough to count them by action.
DROP INDEX approval_by_action;
-- An ask has few approvals, so that the latest of them is found without an index by time.
DROP INDEX approval_by_ask;
CREATE INDEX approval_by_ask ON approval (principal, fingerprint_mac);
