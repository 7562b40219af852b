-- What waits of one merchant: found without reading what waits of another, however much that is. It also finds what
-- may go in one request, in the place of the index that did only that.
DROP INDEX conversions_together;
CREATE INDEX conversions_merchant
    ON conversions (state, owner, evidence, advertiser_id, fresh, ambiguous, due_at) WHERE active = 1;
