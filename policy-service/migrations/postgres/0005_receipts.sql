-- Never edited once released: a change is a migration of its own.

-- Which records of the log are about an approval, so that its receipt is not a search of the log.
CREATE TABLE approval_record (
    idx      BIGINT NOT NULL PRIMARY KEY REFERENCES audit_entry (idx),
    approval TEXT   NOT NULL
);
CREATE INDEX approval_record_by_approval ON approval_record (approval, idx);
INSERT INTO approval_record (idx, approval)
    SELECT idx, convert_from(entry, 'UTF8')::jsonb #>> '{data,approval,id}' FROM audit_entry
    WHERE convert_from(entry, 'UTF8')::jsonb #>> '{data,approval,id}' IS NOT NULL;
