-- Why a conversion waits for a person, as the one key that its group is named by: its state, its reasons, and where an
-- attempt failed, the endpoint and the class of the answer. It means something only while a person is needed.
ALTER TABLE conversions ADD COLUMN cause TEXT NOT NULL DEFAULT '';
UPDATE conversions SET cause = state || '/' || replace(reason, ' ', '+') || coalesce(
    (SELECT '/' || a.endpoint || '/' || CASE WHEN a.status IS NULL THEN 'none' ELSE CAST(a.status / 100 AS TEXT) || 'xx' END
     FROM attempts a WHERE a.event_id = conversions.event_id ORDER BY a.number DESC LIMIT 1), '')
    WHERE attention = 1;

-- What waits for a person, by event and by each thing that it is looked for by. The first two are all that a summary reads.
CREATE INDEX conversions_dead ON conversions (event_id) WHERE attention = 1;
CREATE INDEX conversions_dead_cause ON conversions (cause, event_id, advertiser_id, currency, minor, changed_at)
    WHERE attention = 1;
CREATE INDEX conversions_dead_advertiser ON conversions (advertiser_id, event_id) WHERE attention = 1;
CREATE INDEX conversions_dead_publisher ON conversions (publisher_id, event_id) WHERE attention = 1;
CREATE INDEX conversions_dead_reference ON conversions (reference, event_id) WHERE attention = 1;

-- Orders of people over dead letters: written down before anything moves.
CREATE TABLE orders (
    -- The operation's id, given by who orders: the same one again is the same order.
    order_id   TEXT PRIMARY KEY,
    action     TEXT NOT NULL CHECK (action IN ('redrive', 'discard')),
    -- What was asked for, as text; equal for equal questions.
    selection  TEXT NOT NULL,
    -- 1 where doubts are overruled.
    overrules  INTEGER NOT NULL,
    -- 1 where more were found than one order takes.
    capped     INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'stopped', 'done')),
    -- Who approved it, and who stopped it.
    approved_by TEXT,
    stopped_by  TEXT,
    items      INTEGER NOT NULL,
    -- How many are worked off, and how many of them were moved.
    worked     INTEGER NOT NULL DEFAULT 0,
    moved      INTEGER NOT NULL DEFAULT 0,
    ordered_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
);
CREATE INDEX orders_open ON orders (changed_at) WHERE state = 'running';
CREATE INDEX orders_time ON orders (ordered_at);

-- What an order is about, in its order. `seen_at` is when each last changed when it was ordered: what somebody has
-- moved since is left alone.
CREATE TABLE order_items (
    order_id TEXT NOT NULL,
    place    INTEGER NOT NULL,
    event_id BLOB NOT NULL,
    seen_at  INTEGER,
    outcome  TEXT,
    state    TEXT,
    PRIMARY KEY (order_id, place)
) WITHOUT ROWID;

-- What people corrected in an event, and the whole event as it was before each correction. Kept for ever.
CREATE TABLE edits (
    event_id  BLOB NOT NULL,
    number    INTEGER NOT NULL,
    edited_at INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    reason    TEXT NOT NULL,
    changes   TEXT NOT NULL,
    original  BLOB NOT NULL,
    PRIMARY KEY (event_id, number)
) WITHOUT ROWID;
CREATE TRIGGER edits_no_update BEFORE UPDATE ON edits
BEGIN SELECT RAISE(ABORT, 'edits are append-only'); END;
CREATE TRIGGER edits_no_delete BEFORE DELETE ON edits
BEGIN SELECT RAISE(ABORT, 'edits are append-only'); END;

-- Each entry of the journal is chained to the one before it, from the first that was written with a hash.
ALTER TABLE journal ADD COLUMN hash BLOB;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
