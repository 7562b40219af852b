-- What is held, by event: looked through when a new map comes, and told by what it waits for.
CREATE INDEX conversions_held ON conversions (event_id) WHERE state = 'held';
