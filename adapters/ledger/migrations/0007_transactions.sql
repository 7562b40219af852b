-- The life of a transaction after its booking: its status, its payment, and the proof that nobody changed the books.

-- A set says when it was true in the world and when it was written; its kind, what made it.
CREATE TABLE posting_sets_in_two_times (
    set_id      INTEGER PRIMARY KEY,
    event_id    BLOB NOT NULL,
    kind        TEXT NOT NULL
        CHECK (kind IN ('booking', 'correction', 'decline', 'reinstatement', 'payment', 'clawback')),
    cause       BLOB NOT NULL,
    happened_at INTEGER NOT NULL,
    posted_at   INTEGER NOT NULL
);
INSERT INTO posting_sets_in_two_times (set_id, event_id, kind, cause, happened_at, posted_at)
    SELECT s.set_id, s.event_id, s.kind, s.cause,
        CASE WHEN s.kind = 'booking'
            THEN coalesce((SELECT c.received_at FROM conversions c WHERE c.event_id = s.event_id), s.posted_at)
            ELSE s.posted_at END,
        s.posted_at
    FROM posting_sets s;
DROP TABLE posting_sets;
ALTER TABLE posting_sets_in_two_times RENAME TO posting_sets;
CREATE UNIQUE INDEX posting_sets_booking ON posting_sets (event_id) WHERE kind = 'booking';
CREATE INDEX posting_sets_event ON posting_sets (event_id);
CREATE INDEX posting_sets_payment ON posting_sets (cause) WHERE kind = 'payment';
CREATE TRIGGER posting_sets_no_update BEFORE UPDATE ON posting_sets
BEGIN SELECT RAISE(ABORT, 'postings are append-only: post a correction'); END;
CREATE TRIGGER posting_sets_no_delete BEFORE DELETE ON posting_sets
BEGIN SELECT RAISE(ABORT, 'postings are append-only: post a correction'); END;

-- What became of a transaction after its booking, which is itself the record of `pending`.
CREATE TABLE status_changes (
    change_id   INTEGER PRIMARY KEY,
    event_id    BLOB NOT NULL,
    before      TEXT NOT NULL,
    status      TEXT NOT NULL,
    -- Who moved it: merchant, platform, operator, lock_date or payment.
    cause       TEXT NOT NULL,
    actor       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    -- The postings that it made.
    set_id      INTEGER,
    -- When it was true in the world, and when we learned of it.
    happened_at INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
);
CREATE INDEX status_changes_event ON status_changes (event_id);

-- Where a transaction stands now; none while it is not booked.
ALTER TABLE conversions ADD COLUMN status TEXT;
UPDATE conversions SET status = CASE
        WHEN state = 'dropped' THEN 'declined'
        WHEN EXISTS (SELECT 1 FROM adjustments a WHERE a.conversion = conversions.event_id AND a.operation = 'void')
            THEN 'declined'
        ELSE 'pending' END
    WHERE EXISTS (SELECT 1 FROM posting_sets s WHERE s.event_id = conversions.event_id AND s.kind = 'booking');
INSERT INTO status_changes
        (event_id, before, status, cause, actor, reason, set_id, happened_at, recorded_at)
    SELECT c.event_id, 'pending', 'declined',
        CASE WHEN EXISTS (SELECT 1 FROM adjustments a WHERE a.conversion = c.event_id AND a.operation = 'void')
            THEN 'merchant' ELSE 'operator' END,
        'migration', c.reason, NULL, c.changed_at, c.changed_at
    FROM conversions c WHERE c.status = 'declined' ORDER BY c.event_id;
-- What may still change, by its time: whole months lock together.
CREATE INDEX conversions_open ON conversions (received_at) WHERE status IN ('pending', 'approved');

-- Payment runs that operators recorded: one row for each publisher, currency and part.
CREATE TABLE payments (
    payment_id   INTEGER PRIMARY KEY,
    -- The operator's own name of the run. Recorded again, nothing is paid again.
    reference    TEXT NOT NULL,
    part         INTEGER NOT NULL,
    publisher_id INTEGER NOT NULL,
    currency     TEXT NOT NULL,
    minor        INTEGER NOT NULL,
    transactions INTEGER NOT NULL,
    -- What had locked before this moment was paid.
    until        INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    paid_at      INTEGER NOT NULL,
    recorded_at  INTEGER NOT NULL,
    UNIQUE (reference, publisher_id, currency, part)
);

-- What waits for a payment run: an amount that a locked transaction owes, or that a publisher owes after a clawback.
CREATE TABLE payables (
    publisher_id INTEGER NOT NULL,
    currency     TEXT NOT NULL,
    event_id     BLOB NOT NULL,
    minor        INTEGER NOT NULL,
    due_from     INTEGER NOT NULL,
    PRIMARY KEY (publisher_id, currency, event_id)
) WITHOUT ROWID;

-- The chain: it takes the place of the journal's own hashes, whose column stays empty from here on. One link for each posting set, status change, payment and journal entry, in the order of their writing.
CREATE TABLE links (
    sequence    INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL CHECK (kind IN ('genesis', 'posting', 'status', 'payment', 'journal')),
    row_id      INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    hash        BLOB NOT NULL
);

-- Who this ledger is, and what stood in it before its first link.
CREATE TABLE ledger_identity (
    ledger_id   TEXT PRIMARY KEY,
    last_set    INTEGER NOT NULL,
    last_change INTEGER NOT NULL,
    last_entry  INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO ledger_identity (ledger_id, last_set, last_change, last_entry)
    SELECT lower(hex(randomblob(16))),
        (SELECT coalesce(max(set_id), 0) FROM posting_sets),
        (SELECT coalesce(max(change_id), 0) FROM status_changes),
        (SELECT coalesce(max(entry_id), 0) FROM journal);

-- Roots: the chain's end at a moment, signed.
CREATE TABLE roots (
    sequence   INTEGER PRIMARY KEY,
    hash       BLOB NOT NULL,
    signed_at  INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    signature  BLOB NOT NULL
);

CREATE TRIGGER status_changes_no_update BEFORE UPDATE ON status_changes
BEGIN SELECT RAISE(ABORT, 'status changes are append-only: write another one'); END;
CREATE TRIGGER status_changes_no_delete BEFORE DELETE ON status_changes
BEGIN SELECT RAISE(ABORT, 'status changes are append-only: write another one'); END;
CREATE TRIGGER payments_no_update BEFORE UPDATE ON payments
BEGIN SELECT RAISE(ABORT, 'payments are append-only: record another one'); END;
CREATE TRIGGER payments_no_delete BEFORE DELETE ON payments
BEGIN SELECT RAISE(ABORT, 'payments are append-only: record another one'); END;
CREATE TRIGGER links_no_update BEFORE UPDATE ON links
BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END;
CREATE TRIGGER links_no_delete BEFORE DELETE ON links
BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END;
CREATE TRIGGER roots_no_update BEFORE UPDATE ON roots
BEGIN SELECT RAISE(ABORT, 'roots are append-only'); END;
CREATE TRIGGER roots_no_delete BEFORE DELETE ON roots
BEGIN SELECT RAISE(ABORT, 'roots are append-only'); END;
