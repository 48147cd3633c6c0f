-- Not every dead refresh token is answered with invalid_grant: since when an answer that does not say so has come.

ALTER TABLE token ADD COLUMN refused_since timestamptz;
COMMENT ON COLUMN token.refused_since IS 'Since when the platform refuses the refresh without saying that the token is dead; null: it does not';
COMMENT ON COLUMN token.last_error IS 'Why the last refresh failed; client: the platform refuses client id or secret; refused: it does not say what; sealed: no key of the worker opens the row; never a secret';
CREATE INDEX token_refused_since ON token (refused_since) WHERE refused_since IS NOT NULL;
CREATE INDEX token_obtained ON token (obtained_at);
