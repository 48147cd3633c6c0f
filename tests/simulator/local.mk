# The simulated platform: a test program, built but never installed.
