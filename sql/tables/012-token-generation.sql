-- A pair of tokens of a later link is of a higher generation, also when the earlier one was erased.

COMMENT ON COLUMN token.generation IS 'Orders the pairs: the microsecond of the link since 1970, one more with each refresh; an answer of an older refresh never replaces a newer pair';
