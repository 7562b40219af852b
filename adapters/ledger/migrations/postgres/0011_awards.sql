-- Who earned how much of a conversion, and why: a set of rows for each time it was decided about, numbered from 1. The
-- last set is in force. The shares of a set are its commission.
CREATE TABLE awards (
    event_id         BYTEA NOT NULL,
    number           BIGINT NOT NULL,
    -- From the first of the journey to the last.
    line             BIGINT NOT NULL,
    -- 0 where it was decided that nobody earns any more.
    publisher_id     BIGINT NOT NULL,
    minor            BIGINT NOT NULL,
    currency         TEXT COLLATE "C" NOT NULL,
    commission_minor BIGINT NOT NULL,
    -- 1 for the one publisher that the platform is told of.
    credited         BIGINT NOT NULL,
    -- What proves the publisher's touch, when that was, and how many touches earn the share.
    evidence         TEXT COLLATE "C" NOT NULL,
    touched_at       BIGINT,
    touches          BIGINT NOT NULL,
    model            TEXT COLLATE "C" NOT NULL,
    terms            TEXT COLLATE "C" NOT NULL,
    -- The rules and caps that made the commission, and what was earned before, as far as they asked.
    rules            TEXT COLLATE "C" NOT NULL,
    figures          TEXT COLLATE "C" NOT NULL,
    -- The arrival that it was decided by, when the order happened, and when it was decided.
    source           BYTEA NOT NULL,
    happened_at      BIGINT NOT NULL,
    decided_at       BIGINT NOT NULL,
    PRIMARY KEY (event_id, number, line)
);

CREATE TRIGGER awards_no_update BEFORE UPDATE ON awards
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER awards_no_delete BEFORE DELETE ON awards
    FOR EACH ROW EXECUTE FUNCTION append_only();
CREATE TRIGGER awards_no_truncate BEFORE TRUNCATE ON awards EXECUTE FUNCTION append_only();

-- What each publisher earned with each programme on each day, as it was booked and corrected by evidence.
CREATE TABLE earned (
    advertiser_id    BIGINT NOT NULL,
    day              BIGINT NOT NULL,
    publisher_id     BIGINT NOT NULL,
    currency         TEXT COLLATE "C" NOT NULL,
    orders           BIGINT NOT NULL,
    minor            BIGINT NOT NULL,
    commission_minor BIGINT NOT NULL,
    PRIMARY KEY (advertiser_id, day, publisher_id, currency)
);
INSERT INTO earned (advertiser_id, day, publisher_id, currency, orders, minor, commission_minor)
    SELECT advertiser_id, received_at / 86400000, publisher_id, currency, count(*),
    CAST(sum(minor) AS BIGINT), CAST(sum(commission_minor) AS BIGINT)
    FROM conversions
    WHERE publisher_id IS NOT NULL AND commission_minor IS NOT NULL AND commission_currency = currency
        AND state NOT IN ('merged', 'conflict', 'dropped')
    GROUP BY advertiser_id, received_at / 86400000, publisher_id, currency;

-- Two orders of one click, one amount and nearly one time may be one.
CREATE INDEX conversions_click ON conversions (advertiser_id, click_id) WHERE click_id IS NOT NULL;
-- Decided about again, in the order in which they happened.
CREATE INDEX conversions_received ON conversions (received_at, event_id);
