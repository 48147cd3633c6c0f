# Checks of the tree itself: layers, formatting, forbidden calls.  Run by ./check.
EXTRA_DIST += tests/source
