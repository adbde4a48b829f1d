-- Never edited once released: a change is a migration of its own.

-- What each worker has reported in all, kept with every batch that comes: who asks for it need not read the
-- batches, nor does it change when they go with their log.
CREATE TABLE event_worker (
    gateway         TEXT    NOT NULL,
    worker          BLOB    NOT NULL CHECK (length(worker) = 16),
    batches         INTEGER NOT NULL,
    latest_sequence INTEGER NOT NULL,
    requests        INTEGER NOT NULL,
    lost            INTEGER NOT NULL,
    first_ms        INTEGER NOT NULL,
    latest_ms       INTEGER NOT NULL,
    PRIMARY KEY (gateway, worker)
) STRICT;
INSERT INTO event_worker
        (gateway, worker, batches, latest_sequence, requests, lost, first_ms, latest_ms)
    SELECT gateway, worker, count(*), max(sequence), CAST(total(requests) AS INTEGER),
           CAST(total(lost) AS INTEGER), min(at_ms), max(at_ms)
    FROM event_batch GROUP BY gateway, worker;
CREATE INDEX event_worker_by_time ON event_worker (latest_ms DESC, worker);
