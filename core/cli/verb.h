/* A command of spprof: what it is called, how it explains itself, what it does. */
#ifndef SPPROF_CLI_VERB_H
#define SPPROF_CLI_VERB_H

#include "options/options.h"

enum exit_status {
    STATUS_DONE = 0,
    STATUS_UNREADABLE = 1, /* the target cannot be read or is no Python process, or the report cannot be written */
    STATUS_USAGE = 2,
    STATUS_PARTIAL = 3, /* something was printed, something was unreadable */
};

struct verb {
    const char *name;
    enum verb_bit bit;    /* in the table of options */
    const char *operands; /* as the usage line shows them */
    const char *summary;  /* for the list of commands */
    const char *help;     /* what it does, in whole paragraphs that end with a newline */
    const char *examples; /* one a line */
    enum exit_status (*run)(const struct verb *verb, const struct options *options);
};

extern const struct verb cli_bt, cli_sample, cli_doctor;

#endif
