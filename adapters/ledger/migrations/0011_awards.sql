-- Who earned how much of a conversion, and why: a set of rows for each time it was decided about, numbered from 1. The
-- last set is in force. The shares of a set are its commission.
CREATE TABLE awards (
    event_id         BLOB NOT NULL,
    number           INTEGER NOT NULL,
    -- From the first of the journey to the last.
    line             INTEGER NOT NULL,
    -- 0 where it was decided that nobody earns any more.
    publisher_id     INTEGER NOT NULL,
    minor            INTEGER NOT NULL,
    currency         TEXT NOT NULL,
    commission_minor INTEGER NOT NULL,
    -- 1 for the one publisher that the platform is told of.
    credited         INTEGER NOT NULL,
    -- What proves the publisher's touch, when that was, and how many touches earn the share.
    evidence         TEXT NOT NULL,
    touched_at       INTEGER,
    touches          INTEGER NOT NULL,
    model            TEXT NOT NULL,
    terms            TEXT NOT NULL,
    -- The rules and caps that made the commission, and what was earned before, as far as they asked.
    rules            TEXT NOT NULL,
    figures          TEXT NOT NULL,
    -- The arrival that it was decided by, when the order happened, and when it was decided.
    source           BLOB NOT NULL,
    happened_at      INTEGER NOT NULL,
    decided_at       INTEGER NOT NULL,
    PRIMARY KEY (event_id, number, line)
) WITHOUT ROWID;

CREATE TRIGGER awards_no_update BEFORE UPDATE ON awards
BEGIN SELECT RAISE(ABORT, 'awards are append-only: decide again'); END;
CREATE TRIGGER awards_no_delete BEFORE DELETE ON awards
BEGIN SELECT RAISE(ABORT, 'awards are append-only: decide again'); END;

-- What each publisher earned with each programme on each day, as it was booked and corrected by evidence.
CREATE TABLE earned (
    advertiser_id    INTEGER NOT NULL,
    day              INTEGER NOT NULL,
    publisher_id     INTEGER NOT NULL,
    currency         TEXT NOT NULL,
    orders           INTEGER NOT NULL,
    minor            INTEGER NOT NULL,
    commission_minor INTEGER NOT NULL,
    PRIMARY KEY (advertiser_id, day, publisher_id, currency)
) WITHOUT ROWID;
INSERT INTO earned (advertiser_id, day, publisher_id, currency, orders, minor, commission_minor)
    SELECT advertiser_id, received_at / 86400000, publisher_id, currency, count(*), sum(minor), sum(commission_minor)
    FROM conversions
    WHERE publisher_id IS NOT NULL AND commission_minor IS NOT NULL AND commission_currency = currency
        AND state NOT IN ('merged', 'conflict', 'dropped')
    GROUP BY advertiser_id, received_at / 86400000, publisher_id, currency;

-- Two orders of one click, one amount and nearly one time may be one.
CREATE INDEX conversions_click ON conversions (advertiser_id, click_id) WHERE click_id IS NOT NULL;
-- Decided about again, in the order in which they happened.
CREATE INDEX conversions_received ON conversions (received_at, event_id);
