-- Never edited once released: a change is a migration of its own.

-- SQLite's alone: here a list is no table.
SELECT 1;
