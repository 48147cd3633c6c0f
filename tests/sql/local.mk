# pgTAP files, run by ./check against a throw-away database.
EXTRA_DIST += tests/sql
