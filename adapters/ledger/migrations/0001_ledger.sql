-- What arrived: one row for each event, whatever became of it. Its key makes redelivery harmless.
CREATE TABLE events (
    event_id      BLOB PRIMARY KEY,
    class         TEXT NOT NULL,
    purpose       TEXT NOT NULL,
    advertiser_id INTEGER NOT NULL,
    money         INTEGER NOT NULL,
    lane          TEXT NOT NULL,
    received_at   INTEGER NOT NULL,
    taken_in_at   INTEGER NOT NULL
) WITHOUT ROWID;

-- The envelopes of conversions. `sealed` is personal and is erased once it is no longer needed.
CREATE TABLE envelopes (
    event_id BLOB PRIMARY KEY,
    open     BLOB NOT NULL,
    sealed   BLOB
);

-- One row for each arrival of a conversion: where it stands, and everything that its delivery needs.
CREATE TABLE conversions (
    event_id              BLOB PRIMARY KEY,
    -- The key, where this row is the one that stands under it.
    key                   TEXT,
    state                 TEXT NOT NULL,
    -- Codes of why it stands there, and of what is remarkable about it; joined by blanks.
    reason                TEXT NOT NULL,
    detail                TEXT NOT NULL,
    flags                 TEXT NOT NULL,
    advertiser_id         INTEGER NOT NULL,
    advertiser_primary_id INTEGER,
    publisher_id          INTEGER,
    publisher_primary_id  INTEGER,
    creative_id           INTEGER,
    click_id              TEXT,
    click_at              INTEGER,
    evidence              TEXT NOT NULL,
    evidence_value        TEXT,
    owner                 TEXT,
    minor                 INTEGER,
    currency              TEXT,
    commission_minor      INTEGER,
    commission_currency   TEXT,
    reference             TEXT,
    reference_prefix      TEXT,
    -- The event whose envelope is delivered: a later arrival may have brought better evidence.
    source                BLOB NOT NULL,
    -- The conversion that this arrival was merged into, or is in conflict with.
    first                 BLOB,
    -- True if the owner was told before a correction arrived.
    corrected_late        INTEGER NOT NULL DEFAULT 0,
    -- 1 while queued or in flight; 1 while a person is needed; 1 before the first attempt.
    active                INTEGER NOT NULL,
    attention             INTEGER NOT NULL,
    fresh                 INTEGER NOT NULL,
    tries                 INTEGER NOT NULL DEFAULT 0,
    counted               INTEGER NOT NULL DEFAULT 0,
    ambiguous             INTEGER NOT NULL DEFAULT 0,
    received_at           INTEGER NOT NULL,
    changed_at            INTEGER NOT NULL,
    due_at                INTEGER
) WITHOUT ROWID;

-- At most one conversion stands under a key, for as long as the programme lives.
CREATE UNIQUE INDEX conversions_key ON conversions (key) WHERE key IS NOT NULL;
-- What is due, by the evidence that picks the endpoint: neither endpoint's backlog is in the other's way.
CREATE INDEX conversions_active ON conversions (state, owner, evidence, fresh, due_at) WHERE active = 1;
-- What may go in one request: of one advertiser, by the same evidence.
CREATE INDEX conversions_together ON conversions (advertiser_id, state, owner, evidence, ambiguous, due_at)
    WHERE active = 1;
CREATE INDEX conversions_waiting ON conversions (received_at) WHERE active = 1;
CREATE INDEX conversions_attention ON conversions (state, changed_at) WHERE attention = 1;
CREATE INDEX conversions_corrected ON conversions (changed_at) WHERE corrected_late = 1;
CREATE INDEX conversions_prefix ON conversions (advertiser_id, reference_prefix)
    WHERE reference_prefix IS NOT NULL;
CREATE INDEX conversions_first ON conversions (first) WHERE first IS NOT NULL;

-- One row for each attempt. `request` is sealed, and kept only while the same bytes may be needed again.
CREATE TABLE attempts (
    event_id    BLOB NOT NULL,
    number      INTEGER NOT NULL,
    home        TEXT NOT NULL,
    endpoint    TEXT NOT NULL,
    line        TEXT NOT NULL,
    probe       INTEGER NOT NULL,
    request     BLOB,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    verdict     TEXT,
    reason      TEXT,
    status      INTEGER,
    excerpt     TEXT,
    PRIMARY KEY (event_id, number)
) WITHOUT ROWID;

-- The books. A set balances; nothing in it is ever changed.
CREATE TABLE posting_sets (
    set_id    INTEGER PRIMARY KEY,
    event_id  BLOB NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('booking', 'correction')),
    cause     BLOB NOT NULL,
    posted_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX posting_sets_booking ON posting_sets (event_id) WHERE kind = 'booking';
CREATE INDEX posting_sets_event ON posting_sets (event_id);

CREATE TABLE postings (
    set_id   INTEGER NOT NULL REFERENCES posting_sets,
    line     INTEGER NOT NULL,
    account  TEXT NOT NULL,
    party    INTEGER NOT NULL,
    minor    INTEGER NOT NULL,
    currency TEXT NOT NULL,
    PRIMARY KEY (set_id, line)
) WITHOUT ROWID;

CREATE TRIGGER posting_sets_no_update BEFORE UPDATE ON posting_sets
BEGIN SELECT RAISE(ABORT, 'postings are append-only: post a correction'); END;
CREATE TRIGGER posting_sets_no_delete BEFORE DELETE ON posting_sets
BEGIN SELECT RAISE(ABORT, 'postings are append-only: post a correction'); END;
CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are append-only: post a correction'); END;
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'postings are append-only: post a correction'); END;

-- Clicks by the id that a conversion may name: our own, and imported ones.
CREATE TABLE clicks (
    click_id      TEXT PRIMARY KEY,
    advertiser_id INTEGER NOT NULL,
    publisher_id  INTEGER NOT NULL,
    creative_id   INTEGER NOT NULL,
    clicked_at    INTEGER NOT NULL,
    imported      INTEGER NOT NULL
) WITHOUT ROWID;

-- Who did what.
CREATE TABLE journal (
    entry_id INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    action   TEXT NOT NULL,
    event_id BLOB,
    detail   TEXT NOT NULL
);
CREATE INDEX journal_event ON journal (event_id) WHERE event_id IS NOT NULL;

-- The conservation sum, kept as it changes: `accepted` and one row for each state, by advertiser.
CREATE TABLE counters (
    advertiser_id INTEGER NOT NULL,
    name          TEXT NOT NULL,
    count         INTEGER NOT NULL,
    PRIMARY KEY (advertiser_id, name)
) WITHOUT ROWID;
