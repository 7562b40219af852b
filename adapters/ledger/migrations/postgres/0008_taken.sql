-- What was taken without a word, by how long that is ago: the oldest is watched, and a report closes it.
CREATE INDEX conversions_taken ON conversions (changed_at) WHERE state = 'taken';
