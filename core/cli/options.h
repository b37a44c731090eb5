/* The command line: one table of options, from which parsing, `--help` and the check of what a command accepts are made. */
#ifndef SPPROF_CLI_OPTIONS_H
#define SPPROF_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "verb.h"

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
    const struct verb *verb; /* NULL until the command is known */
    bool json, locals, no_source, no_stop;
    int64_t thread; /* 0: all */
    int64_t value_length; /* 0: as long as the default */
    const char *sysroot;
    enum color color;
    bool verbose, quiet;
    bool help, version; /* asked for: nothing else is done */
    char **operands;
    int operand_count;
};

/*
 * Reads the options in argv, from argv[1] on, and adds them to options. While options->verb is NULL it stops at the first operand, which
 * names the command; afterwards operands may stand before, between and behind options. Returns STATUS_DONE, or STATUS_USAGE when
 * it has said what is wrong.
 */
enum exit_status options_parse(struct options *options, int argc, char **argv);

/* Writes the options that the command accepts (NULL: those that every command accepts), one a line, for --help. */
void options_print(const struct verb *verb);

/* Whether the report is coloured: NO_COLOR (no-color.org), TERM and the terminal are asked only where the user did not say. */
bool options_want_color(const struct options *options);

#endif
