-- The publisher's own reference of a click: what its postback tells it.
ALTER TABLE clicks ADD COLUMN reference TEXT COLLATE "C";

-- The addresses that publishers have called for each of their transactions.
CREATE TABLE postback_addresses (
    publisher_id BIGINT PRIMARY KEY,
    method       TEXT COLLATE "C" NOT NULL,
    address      TEXT COLLATE "C" NOT NULL,
    -- Calls that were answered, ever.
    called       BIGINT NOT NULL DEFAULT 0
);

-- One row for each transaction and publisher that is called for it.
CREATE TABLE postbacks (
    event_id     BYTEA NOT NULL,
    publisher_id BIGINT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    detail       TEXT COLLATE "C" NOT NULL,
    -- 1 while queued or in flight.
    active       BIGINT NOT NULL,
    tries        BIGINT NOT NULL DEFAULT 0,
    counted      BIGINT NOT NULL DEFAULT 0,
    changed_at   BIGINT NOT NULL,
    due_at       BIGINT,
    PRIMARY KEY (event_id, publisher_id)
);
CREATE INDEX postbacks_active ON postbacks (state, due_at, event_id) WHERE active = 1;
CREATE INDEX postbacks_open ON postbacks (publisher_id, state, due_at) WHERE state <> 'confirmed';
