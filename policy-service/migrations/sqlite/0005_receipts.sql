-- Never edited once released: a change is a migration of its own.

-- Which records of the log are about an approval, so that its receipt is not a search of the log.
CREATE TABLE approval_record (
    idx      INTEGER NOT NULL PRIMARY KEY REFERENCES audit_entry (idx),
    approval TEXT    NOT NULL
) STRICT;
CREATE INDEX approval_record_by_approval ON approval_record (approval, idx);
INSERT INTO approval_record (idx, approval)
    SELECT idx, json_extract(CAST(entry AS TEXT), '$.data.approval.id') FROM audit_entry
    WHERE json_extract(CAST(entry AS TEXT), '$.data.approval.id') IS NOT NULL;
