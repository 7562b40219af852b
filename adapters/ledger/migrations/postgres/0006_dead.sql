-- Why a conversion waits for a person, as the one key that its group is named by: its state, its reasons, and where an
-- attempt failed, the endpoint and the class of the answer. It means something only while a person is needed.
ALTER TABLE conversions ADD COLUMN cause TEXT COLLATE "C" NOT NULL DEFAULT '';
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
    order_id   TEXT COLLATE "C" PRIMARY KEY,
    action     TEXT COLLATE "C" NOT NULL CHECK (action IN ('redrive', 'discard')),
    -- What was asked for, as text; equal for equal questions.
    selection  TEXT COLLATE "C" NOT NULL,
    -- 1 where doubts are overruled.
    overrules  BIGINT NOT NULL,
    -- 1 where more were found than one order takes.
    capped     BIGINT NOT NULL,
    actor      TEXT COLLATE "C" NOT NULL,
    reason     TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'running', 'stopped', 'done')),
    -- Who approved it, and who stopped it.
    approved_by TEXT COLLATE "C",
    stopped_by  TEXT COLLATE "C",
    items      BIGINT NOT NULL,
    -- How many are worked off, and how many of them were moved.
    worked     BIGINT NOT NULL DEFAULT 0,
    moved      BIGINT NOT NULL DEFAULT 0,
    ordered_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX orders_open ON orders (changed_at) WHERE state = 'running';
CREATE INDEX orders_time ON orders (ordered_at);

-- What an order is about, in its order. `seen_at` is when each last changed when it was ordered: what somebody has
-- moved since is left alone.
CREATE TABLE order_items (
    order_id TEXT COLLATE "C" NOT NULL,
    place    BIGINT NOT NULL,
    event_id BYTEA NOT NULL,
    seen_at  BIGINT,
    outcome  TEXT COLLATE "C",
    state    TEXT COLLATE "C",
    PRIMARY KEY (order_id, place)
);

-- What people corrected in an event, and the whole event as it was before each correction. Kept for ever.
CREATE TABLE edits (
    event_id  BYTEA NOT NULL,
    number    BIGINT NOT NULL,
    edited_at BIGINT NOT NULL,
    actor     TEXT COLLATE "C" NOT NULL,
    reason    TEXT COLLATE "C" NOT NULL,
    changes   TEXT COLLATE "C" NOT NULL,
    original  BYTEA NOT NULL,
    PRIMARY KEY (event_id, number)
);
CREATE TRIGGER edits_no_update BEFORE UPDATE ON edits
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER edits_no_delete BEFORE DELETE ON edits
    FOR EACH ROW EXECUTE FUNCTION append_only();

-- Each entry of the journal is chained to the one before it, from the first that was written with a hash.
ALTER TABLE journal ADD COLUMN hash BYTEA;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION append_only();

-- Emptied is changed too.
CREATE TRIGGER edits_no_truncate BEFORE TRUNCATE ON edits EXECUTE FUNCTION append_only();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal EXECUTE FUNCTION append_only();
