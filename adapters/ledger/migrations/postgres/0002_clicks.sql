-- How a click is known, which platform knows it, and until when it is kept.
ALTER TABLE clicks ADD COLUMN origin TEXT COLLATE "C" NOT NULL DEFAULT 'edge';
ALTER TABLE clicks ADD COLUMN home TEXT COLLATE "C";
ALTER TABLE clicks ADD COLUMN alias_of TEXT COLLATE "C";
ALTER TABLE clicks ADD COLUMN event_id BYTEA;
ALTER TABLE clicks ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
UPDATE clicks SET origin = 'imported', home = 'legacy' WHERE imported = 1;
UPDATE clicks SET expires_at = clicked_at + 34128000000;
CREATE INDEX clicks_expiry ON clicks (expires_at);

-- The evidence that was looked at, and a click id that is named and not recorded yet.
ALTER TABLE conversions ADD COLUMN considered TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE conversions ADD COLUMN wanted_click TEXT COLLATE "C";
CREATE INDEX conversions_wanted ON conversions (wanted_click) WHERE wanted_click IS NOT NULL;

-- Voucher codes that belong to one publisher each.
CREATE TABLE bound_vouchers (
    advertiser_id BIGINT NOT NULL,
    code          TEXT COLLATE "C" NOT NULL,
    publisher_id  BIGINT NOT NULL,
    starts_at     BIGINT,
    ends_at       BIGINT,
    PRIMARY KEY (advertiser_id, code)
);
