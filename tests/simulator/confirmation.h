#ifndef SIMULATOR_CONFIRMATION_H
#define SIMULATOR_CONFIRMATION_H

/*
 * Ask the target of every app that is not confirmed for confirmation, and
 * again every 2 s until the confirmation address was fetched.
 */
void confirmation_ask(void);

#endif
