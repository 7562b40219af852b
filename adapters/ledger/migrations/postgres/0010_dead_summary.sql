-- The first index of dead letters by their cause was read row by row for a summary: one index leads to a group's members, and
-- two have all that the summaries read, so that a million of them are summed up without their rows.
DROP INDEX conversions_dead_cause;
CREATE INDEX conversions_dead_cause ON conversions (cause, event_id) WHERE attention = 1;
CREATE INDEX conversions_dead_summary ON conversions (cause, currency, advertiser_id, minor, changed_at, attention)
    WHERE attention = 1;
CREATE INDEX conversions_dead_at_risk ON conversions (advertiser_id, state, currency, minor, changed_at, attention)
    WHERE attention = 1;
