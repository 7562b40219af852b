-- The publisher's own reference of a click: what its postback tells it.
ALTER TABLE clicks ADD COLUMN reference TEXT;

-- The addresses that publishers have called for each of their transactions.
CREATE TABLE postback_addresses (
    publisher_id INTEGER PRIMARY KEY,
    method       TEXT NOT NULL,
    address      TEXT NOT NULL,
    -- Calls that were answered, ever.
    called       INTEGER NOT NULL DEFAULT 0
);

-- One row for each transaction and publisher that is called for it.
CREATE TABLE postbacks (
    event_id     BLOB NOT NULL,
    publisher_id INTEGER NOT NULL,
    state        TEXT NOT NULL,
    detail       TEXT NOT NULL,
    -- 1 while queued or in flight.
    active       INTEGER NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0,
    counted      INTEGER NOT NULL DEFAULT 0,
    changed_at   INTEGER NOT NULL,
    due_at       INTEGER,
    PRIMARY KEY (event_id, publisher_id)
) WITHOUT ROWID;
CREATE INDEX postbacks_active ON postbacks (state, due_at) WHERE active = 1;
CREATE INDEX postbacks_open ON postbacks (publisher_id, state, due_at) WHERE state <> 'confirmed';
