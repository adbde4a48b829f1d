-- Never edited once released: a change is a migration of its own.

-- Where the log goes on, and the latest moment of all: what others lock, and so what every record is written with.
CREATE VIEW log_end AS
SELECT id, number, name, first, next_index, max_time_ms FROM audit_log;
