-- Never edited once released: a change is a migration of its own.

-- Where the log goes on, and the latest moment of all. Its last record says both: `audit_log` is written once a second,
-- and not with every record, so that a record takes one page less. One that is no JSON any more says no moment, and keeps
-- nobody from reading the others.
CREATE VIEW log_end AS
SELECT id, number, name, first,
       max(next_index, coalesce((SELECT max(idx) + 1 FROM audit_entry), 0)) AS next_index,
       max(max_time_ms,
           coalesce((SELECT CASE WHEN json_valid(CAST(entry AS TEXT)) THEN
                         CAST(round(unixepoch(json_extract(CAST(entry AS TEXT), '$.time'), 'subsec') * 1000) AS INTEGER)
                     END
                     FROM audit_entry ORDER BY idx DESC LIMIT 1), 0)) AS max_time_ms
FROM audit_log;
