/* What is said on standard error: "spprof: …", one line, escaped. */
#ifndef SPPROF_CLI_MESSAGE_H
#define SPPROF_CLI_MESSAGE_H

#include "spprof/error.h"
#include "verb.h"

void cli_message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what is wrong with the command line, and which --help tells more (verb NULL: that of spprof itself). */
void cli_complain_usage(const struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same of an error that tells what is wrong; frees it. */
void cli_complain_usage_error(const struct verb *verb, struct spprof_error *error);

/* Says and frees an error. */
void cli_complain_error(struct spprof_error *error);

#endif
