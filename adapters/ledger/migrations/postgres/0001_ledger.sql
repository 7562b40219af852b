-- Two functions that SQLite has.
CREATE FUNCTION hex(bytes BYTEA) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT upper(encode(bytes, 'hex')) $$;
CREATE FUNCTION instr(whole TEXT, part TEXT) RETURNS BIGINT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT strpos(whole, part)::BIGINT $$;

CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'table % is append-only: write another row', TG_TABLE_NAME; END $$;

-- What arrived: one row for each event, whatever became of it. Its key makes redelivery harmless.
CREATE TABLE events (
    event_id      BYTEA PRIMARY KEY,
    class         TEXT COLLATE "C" NOT NULL,
    purpose       TEXT COLLATE "C" NOT NULL,
    advertiser_id BIGINT NOT NULL,
    money         BIGINT NOT NULL,
    lane          TEXT COLLATE "C" NOT NULL,
    received_at   BIGINT NOT NULL,
    taken_in_at   BIGINT NOT NULL
);

-- The envelopes of conversions. `sealed` is personal and is erased once it is no longer needed.
CREATE TABLE envelopes (
    event_id BYTEA PRIMARY KEY,
    open     BYTEA NOT NULL,
    sealed   BYTEA
);

-- One row for each arrival of a conversion: where it stands, and everything that its delivery needs.
CREATE TABLE conversions (
    event_id              BYTEA PRIMARY KEY,
    -- The key, where this row is the one that stands under it.
    key                   TEXT COLLATE "C",
    state                 TEXT COLLATE "C" NOT NULL,
    -- Codes of why it stands there, and of what is remarkable about it; joined by blanks.
    reason                TEXT COLLATE "C" NOT NULL,
    detail                TEXT COLLATE "C" NOT NULL,
    flags                 TEXT COLLATE "C" NOT NULL,
    advertiser_id         BIGINT NOT NULL,
    advertiser_primary_id BIGINT,
    publisher_id          BIGINT,
    publisher_primary_id  BIGINT,
    creative_id           BIGINT,
    click_id              TEXT COLLATE "C",
    click_at              BIGINT,
    evidence              TEXT COLLATE "C" NOT NULL,
    evidence_value        TEXT COLLATE "C",
    owner                 TEXT COLLATE "C",
    minor                 BIGINT,
    currency              TEXT COLLATE "C",
    commission_minor      BIGINT,
    commission_currency   TEXT COLLATE "C",
    reference             TEXT COLLATE "C",
    reference_prefix      TEXT COLLATE "C",
    -- The event whose envelope is delivered: a later arrival may have brought better evidence.
    source                BYTEA NOT NULL,
    -- The conversion that this arrival was merged into, or is in conflict with.
    first                 BYTEA,
    -- True if the owner was told before a correction arrived.
    corrected_late        BIGINT NOT NULL DEFAULT 0,
    -- 1 while queued or in flight; 1 while a person is needed; 1 before the first attempt.
    active                BIGINT NOT NULL,
    attention             BIGINT NOT NULL,
    fresh                 BIGINT NOT NULL,
    tries                 BIGINT NOT NULL DEFAULT 0,
    counted               BIGINT NOT NULL DEFAULT 0,
    ambiguous             BIGINT NOT NULL DEFAULT 0,
    received_at           BIGINT NOT NULL,
    changed_at            BIGINT NOT NULL,
    due_at                BIGINT
);

-- At most one conversion stands under a key, for as long as the programme lives.
CREATE UNIQUE INDEX conversions_key ON conversions (key) WHERE key IS NOT NULL;
-- SQLite ends each index with the primary key; here it is written out where rows are read in its order.
-- What is due, by the evidence that picks the endpoint: neither endpoint's backlog is in the other's way.
CREATE INDEX conversions_active ON conversions (state, owner, evidence, fresh, due_at, event_id) WHERE active = 1;
-- What may go in one request: of one advertiser, by the same evidence.
CREATE INDEX conversions_together ON conversions (advertiser_id, state, owner, evidence, ambiguous, due_at, event_id)
    WHERE active = 1;
CREATE INDEX conversions_waiting ON conversions (received_at) WHERE active = 1;
CREATE INDEX conversions_attention ON conversions (state, changed_at) WHERE attention = 1;
CREATE INDEX conversions_corrected ON conversions (changed_at) WHERE corrected_late = 1;
CREATE INDEX conversions_prefix ON conversions (advertiser_id, reference_prefix)
    WHERE reference_prefix IS NOT NULL;
CREATE INDEX conversions_first ON conversions (first) WHERE first IS NOT NULL;

-- One row for each attempt. `request` is sealed, and kept only while the same bytes may be needed again.
CREATE TABLE attempts (
    event_id    BYTEA NOT NULL,
    number      BIGINT NOT NULL,
    home        TEXT COLLATE "C" NOT NULL,
    endpoint    TEXT COLLATE "C" NOT NULL,
    line        TEXT COLLATE "C" NOT NULL,
    probe       BIGINT NOT NULL,
    request     BYTEA,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    verdict     TEXT COLLATE "C",
    reason      TEXT COLLATE "C",
    status      BIGINT,
    excerpt     TEXT COLLATE "C",
    PRIMARY KEY (event_id, number)
);

-- The books. A set balances; nothing in it is ever changed.
CREATE TABLE posting_sets (
    set_id    BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    event_id  BYTEA NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL CHECK (kind IN ('booking', 'correction')),
    cause     BYTEA NOT NULL,
    posted_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX posting_sets_booking ON posting_sets (event_id) WHERE kind = 'booking';
CREATE INDEX posting_sets_event ON posting_sets (event_id);

CREATE TABLE postings (
    set_id   BIGINT NOT NULL,
    line     BIGINT NOT NULL,
    account  TEXT COLLATE "C" NOT NULL,
    party    BIGINT NOT NULL,
    minor    BIGINT NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (set_id, line)
);

-- Emptied is changed too.
CREATE TRIGGER posting_sets_no_truncate BEFORE TRUNCATE ON posting_sets EXECUTE FUNCTION append_only();
CREATE TRIGGER postings_no_truncate BEFORE TRUNCATE ON postings EXECUTE FUNCTION append_only();
CREATE TRIGGER posting_sets_no_update BEFORE UPDATE ON posting_sets
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER posting_sets_no_delete BEFORE DELETE ON posting_sets
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER postings_no_update BEFORE UPDATE ON postings
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER postings_no_delete BEFORE DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION append_only();

-- Clicks by the id that a conversion may name: our own, and imported ones.
CREATE TABLE clicks (
    click_id      TEXT COLLATE "C" PRIMARY KEY,
    advertiser_id BIGINT NOT NULL,
    publisher_id  BIGINT NOT NULL,
    creative_id   BIGINT NOT NULL,
    clicked_at    BIGINT NOT NULL,
    imported      BIGINT NOT NULL
);

-- Who did what.
CREATE TABLE journal (
    entry_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL,
    action   TEXT COLLATE "C" NOT NULL,
    event_id BYTEA,
    detail   TEXT COLLATE "C" NOT NULL
);
CREATE INDEX journal_event ON journal (event_id) WHERE event_id IS NOT NULL;

-- The conservation sum, kept as it changes: `accepted` and one row for each state, by advertiser.
CREATE TABLE counters (
    advertiser_id BIGINT NOT NULL,
    name          TEXT COLLATE "C" NOT NULL,
    count         BIGINT NOT NULL,
    PRIMARY KEY (advertiser_id, name)
);
