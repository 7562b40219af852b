-- Changes of transactions that their merchants asked for: one row for each transaction that a call changes.
CREATE TABLE adjustments (
    adjustment_id       BYTEA PRIMARY KEY,
    -- The call.
    event_id            BYTEA NOT NULL,
    conversion          BYTEA NOT NULL,
    -- Its place among the changes of its transaction, from 1: they are told in this order.
    number              BIGINT NOT NULL,
    operation           TEXT COLLATE "C" NOT NULL CHECK (operation IN ('edit', 'void')),
    -- Identifies what was asked for. Asked again, nothing is written.
    content             TEXT COLLATE "C" NOT NULL,
    advertiser_id       BIGINT NOT NULL,
    -- The order's value and what is earned from now on.
    minor               BIGINT NOT NULL,
    currency            TEXT COLLATE "C" NOT NULL,
    commission_minor    BIGINT,
    commission_currency TEXT COLLATE "C",
    reason              TEXT COLLATE "C" NOT NULL,
    state               TEXT COLLATE "C" NOT NULL,
    detail              TEXT COLLATE "C" NOT NULL,
    -- 1 while queued or in flight; 1 while a person is needed; 1 where it must go in a request of its own.
    active              BIGINT NOT NULL,
    attention           BIGINT NOT NULL,
    alone               BIGINT NOT NULL DEFAULT 0,
    tries               BIGINT NOT NULL DEFAULT 0,
    counted             BIGINT NOT NULL DEFAULT 0,
    ambiguous           BIGINT NOT NULL DEFAULT 0,
    received_at         BIGINT NOT NULL,
    changed_at          BIGINT NOT NULL,
    due_at              BIGINT,
    UNIQUE (conversion, number)
);
CREATE INDEX adjustments_active ON adjustments (state, operation, due_at, adjustment_id) WHERE active = 1;
CREATE INDEX adjustments_attention ON adjustments (changed_at) WHERE attention = 1;
CREATE INDEX adjustments_event ON adjustments (event_id);

-- Which transaction follows which: a later one that copied the publisher of an earlier one.
CREATE TABLE followers (
    event_id BYTEA PRIMARY KEY,
    parent   BYTEA NOT NULL
);
CREATE INDEX followers_parent ON followers (parent);

-- A merchant names a transaction by its order reference.
CREATE INDEX conversions_reference ON conversions (advertiser_id, reference) WHERE reference IS NOT NULL;
