-- Never edited once released: a change is a migration of its own.

-- What each worker has reported in all, kept with every batch that comes: who asks for it need not read the
-- batches, nor does it change when they go with their log.
CREATE TABLE event_worker (
    gateway         TEXT   NOT NULL,
    worker          BYTEA  NOT NULL CHECK (octet_length(worker) = 16),
    batches         BIGINT NOT NULL,
    latest_sequence BIGINT NOT NULL,
    requests        BIGINT NOT NULL,
    lost            BIGINT NOT NULL,
    first_ms        BIGINT NOT NULL,
    latest_ms       BIGINT NOT NULL,
    PRIMARY KEY (gateway, worker)
);
INSERT INTO event_worker
        (gateway, worker, batches, latest_sequence, requests, lost, first_ms, latest_ms)
    SELECT gateway, worker, count(*), max(sequence),
           CAST(least(sum(requests), 9223372036854775807) AS BIGINT),
           CAST(least(sum(lost), 9223372036854775807) AS BIGINT), min(at_ms), max(at_ms)
    FROM event_batch GROUP BY gateway, worker;
CREATE INDEX event_worker_by_time ON event_worker (latest_ms DESC, worker);
