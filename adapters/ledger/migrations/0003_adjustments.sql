-- Changes of transactions that their merchants asked for: one row for each transaction that a call changes.
CREATE TABLE adjustments (
    adjustment_id       BLOB PRIMARY KEY,
    -- The call.
    event_id            BLOB NOT NULL,
    conversion          BLOB NOT NULL,
    -- Its place among the changes of its transaction, from 1: they are told in this order.
    number              INTEGER NOT NULL,
    operation           TEXT NOT NULL CHECK (operation IN ('edit', 'void')),
    -- Identifies what was asked for. Asked again, nothing is written.
    content             TEXT NOT NULL,
    advertiser_id       INTEGER NOT NULL,
    -- The order's value and what is earned from now on.
    minor               INTEGER NOT NULL,
    currency            TEXT NOT NULL,
    commission_minor    INTEGER,
    commission_currency TEXT,
    reason              TEXT NOT NULL,
    state               TEXT NOT NULL,
    detail              TEXT NOT NULL,
    -- 1 while queued or in flight; 1 while a person is needed; 1 where it must go in a request of its own.
    active              INTEGER NOT NULL,
    attention           INTEGER NOT NULL,
    alone               INTEGER NOT NULL DEFAULT 0,
    tries               INTEGER NOT NULL DEFAULT 0,
    counted             INTEGER NOT NULL DEFAULT 0,
    ambiguous           INTEGER NOT NULL DEFAULT 0,
    received_at         INTEGER NOT NULL,
    changed_at          INTEGER NOT NULL,
    due_at              INTEGER,
    UNIQUE (conversion, number)
) WITHOUT ROWID;
CREATE INDEX adjustments_active ON adjustments (state, operation, due_at) WHERE active = 1;
CREATE INDEX adjustments_attention ON adjustments (changed_at) WHERE attention = 1;
CREATE INDEX adjustments_event ON adjustments (event_id);

-- Which transaction follows which: a later one that copied the publisher of an earlier one.
CREATE TABLE followers (
    event_id BLOB PRIMARY KEY,
    parent   BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX followers_parent ON followers (parent);

-- A merchant names a transaction by its order reference.
CREATE INDEX conversions_reference ON conversions (advertiser_id, reference) WHERE reference IS NOT NULL;
