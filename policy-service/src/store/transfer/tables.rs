//! The tables of a store, as both engines have them.

/// What a column holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Number,
    Text,
    Bytes,
}

use Kind::{Bytes, Number, Text};

/// A table as both engines have it.
pub(super) struct Table {
    /// Reads rows behind `$1`, the last place that was read.
    pub(super) read: &'static str,
    pub(super) insert: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// Every table but the log's entries, in an order in which each names only those before it.
pub(super) const TABLES: [Table; 22] = [
    Table {
        read: "SELECT rowid AS place, id, state, principal, action, fingerprint_mac, due_ms, created_ms,
                      updated_ms, version, body, alike
               FROM approval WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO approval
                     (id, state, principal, action, fingerprint_mac, due_ms, created_ms, updated_ms,
                      version, body, alike)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        columns: &[
            ("id", Text),
            ("state", Text),
            ("principal", Text),
            ("action", Text),
            ("fingerprint_mac", Bytes),
            ("due_ms", Number),
            ("created_ms", Number),
            ("updated_ms", Number),
            ("version", Number),
            ("body", Text),
            ("alike", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, approval, number, person, body, approved_ms
               FROM vote WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO vote (approval, number, person, body, approved_ms)
                 VALUES ($1, $2, $3, $4, $5)",
        columns: &[
            ("approval", Text),
            ("number", Number),
            ("person", Text),
            ("body", Text),
            ("approved_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, approval, gateway, use_key, idx, at_ms, scope, is_seen,
                      expires_ms, lifts_until_ms
               FROM grant_use WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO grant_use
                     (approval, gateway, use_key, idx, at_ms, scope, is_seen, expires_ms,
                      lifts_until_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        columns: &[
            ("approval", Text),
            ("gateway", Text),
            ("use_key", Bytes),
            ("idx", Number),
            ("at_ms", Number),
            ("scope", Text),
            ("is_seen", Number),
            ("expires_ms", Number),
            ("lifts_until_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, commitment, salt, text
               FROM audit_secret WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO audit_secret (commitment, salt, text) VALUES ($1, $2, $3)",
        columns: &[("commitment", Bytes), ("salt", Bytes), ("text", Text)],
    },
    Table {
        read: "SELECT rowid AS place, gateway, worker, sequence, idx, at_ms, requests, lost, missing,
                      is_late, body
               FROM event_batch WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO event_batch
                     (gateway, worker, sequence, idx, at_ms, requests, lost, missing, is_late, body)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        columns: &[
            ("gateway", Text),
            ("worker", Bytes),
            ("sequence", Number),
            ("idx", Number),
            ("at_ms", Number),
            ("requests", Number),
            ("lost", Number),
            ("missing", Number),
            ("is_late", Number),
            ("body", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, approval, tags, shape
               FROM evidence WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO evidence (approval, tags, shape) VALUES ($1, $2, $3)",
        columns: &[("approval", Text), ("tags", Bytes), ("shape", Text)],
    },
    Table {
        read: "SELECT rowid AS place, gateway, use_key, approval, idx, at_ms, body
               FROM outcome WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO outcome (gateway, use_key, approval, idx, at_ms, body)
                 VALUES ($1, $2, $3, $4, $5, $6)",
        columns: &[
            ("gateway", Text),
            ("use_key", Bytes),
            ("approval", Text),
            ("idx", Number),
            ("at_ms", Number),
            ("body", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, id, is_active, idx, comment, body, until_ms, begun
               FROM stop WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO stop (id, is_active, idx, comment, body, until_ms, begun)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
        columns: &[
            ("id", Text),
            ("is_active", Number),
            ("idx", Number),
            ("comment", Bytes),
            ("body", Text),
            ("until_ms", Number),
            ("begun", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, stop, gateway, worker, was_there, after_ms
               FROM stop_confirmation WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO stop_confirmation (stop, gateway, worker, was_there, after_ms)
                 VALUES ($1, $2, $3, $4, $5)",
        columns: &[
            ("stop", Text),
            ("gateway", Text),
            ("worker", Bytes),
            ("was_there", Number),
            ("after_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, id, is_reviewed, opened_by, principal, version, body
               FROM emergency WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO emergency (id, is_reviewed, opened_by, principal, version, body)
                 VALUES ($1, $2, $3, $4, $5, $6)",
        columns: &[
            ("id", Text),
            ("is_reviewed", Number),
            ("opened_by", Text),
            ("principal", Text),
            ("version", Number),
            ("body", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, idx, approval
               FROM approval_record WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO approval_record (idx, approval) VALUES ($1, $2)",
        columns: &[("idx", Number), ("approval", Text)],
    },
    Table {
        read: "SELECT rowid AS place, caller, key_hash, request, thing, at_ms
               FROM idempotency WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO idempotency (caller, key_hash, request, thing, at_ms)
                 VALUES ($1, $2, $3, $4, $5)",
        columns: &[
            ("caller", Text),
            ("key_hash", Bytes),
            ("request", Bytes),
            ("thing", Text),
            ("at_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, number, name, first, size, known, closed_ms, root, fenced, pruned
               FROM closed_log WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO closed_log
                     (number, name, first, size, known, closed_ms, root, fenced, pruned)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        columns: &[
            ("number", Number),
            ("name", Text),
            ("first", Number),
            ("size", Number),
            ("known", Number),
            ("closed_ms", Number),
            ("root", Bytes),
            ("fenced", Number),
            ("pruned", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, gateway, worker, batches, latest_sequence, requests, lost, first_ms,
                      latest_ms
               FROM event_worker WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO event_worker
                     (gateway, worker, batches, latest_sequence, requests, lost, first_ms, latest_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        columns: &[
            ("gateway", Text),
            ("worker", Bytes),
            ("batches", Number),
            ("latest_sequence", Number),
            ("requests", Number),
            ("lost", Number),
            ("first_ms", Number),
            ("latest_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, level, number, hashes
               FROM log_tile WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_tile (log, level, number, hashes) VALUES ($1, $2, $3, $4)",
        columns: &[
            ("log", Number),
            ("level", Number),
            ("number", Number),
            ("hashes", Bytes),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, size, note, at_ms
               FROM log_head WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_head (log, size, note, at_ms) VALUES ($1, $2, $3, $4)",
        columns: &[
            ("log", Number),
            ("size", Number),
            ("note", Text),
            ("at_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, begins, key, note
               FROM log_key WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_key (log, begins, key, note) VALUES ($1, $2, $3, $4)",
        columns: &[
            ("log", Number),
            ("begins", Number),
            ("key", Bytes),
            ("note", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, log, name, size, at_ms, note
               FROM log_anchor WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO log_anchor (log, name, size, at_ms, note) VALUES ($1, $2, $3, $4, $5)",
        columns: &[
            ("log", Number),
            ("name", Text),
            ("size", Number),
            ("at_ms", Number),
            ("note", Text),
        ],
    },
    Table {
        read: "SELECT rowid AS place, person, names, at_ms
               FROM group_reading WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO group_reading (person, names, at_ms) VALUES ($1, $2, $3)",
        columns: &[("person", Text), ("names", Text), ("at_ms", Number)],
    },
    Table {
        read: "SELECT rowid AS place, person, name, since_ms
               FROM membership WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO membership (person, name, since_ms) VALUES ($1, $2, $3)",
        columns: &[("person", Text), ("name", Text), ("since_ms", Number)],
    },
    Table {
        read: "SELECT rowid AS place, id, raw_id, person, body, mac, counter, used_ms
               FROM security_key WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO security_key (id, raw_id, person, body, mac, counter, used_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
        columns: &[
            ("id", Bytes),
            ("raw_id", Bytes),
            ("person", Text),
            ("body", Text),
            ("mac", Bytes),
            ("counter", Number),
            ("used_ms", Number),
        ],
    },
    Table {
        read: "SELECT rowid AS place, name, next
               FROM webhook WHERE rowid > $1 ORDER BY rowid LIMIT 256",
        insert: "INSERT INTO webhook (name, next) VALUES ($1, $2)",
        columns: &[("name", Text), ("next", Number)],
    },
];

/// Empties the tables of a copy that nobody has opened, those first that name others.
pub(super) const EMPTY: [&str; 24] = [
    "DELETE FROM membership",
    "DELETE FROM security_key",
    "DELETE FROM group_reading",
    "DELETE FROM webhook",
    "DELETE FROM log_anchor",
    "DELETE FROM log_key",
    "DELETE FROM log_head",
    "DELETE FROM log_tile",
    "DELETE FROM closed_log",
    "DELETE FROM idempotency",
    "DELETE FROM approval_record",
    "DELETE FROM emergency",
    "DELETE FROM stop_confirmation",
    "DELETE FROM stop",
    "DELETE FROM outcome",
    "DELETE FROM evidence",
    "DELETE FROM event_worker",
    "DELETE FROM event_batch",
    "DELETE FROM grant_use",
    "DELETE FROM vote",
    "DELETE FROM audit_secret",
    "DELETE FROM approval",
    "DELETE FROM audit_entry",
    "UPDATE meta SET keys = NULL, closed = NULL",
];
