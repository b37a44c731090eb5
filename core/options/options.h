/*
 * The options of a command, the same in a shell and in a debugger: one table, from which parsing, --help and the check of what a command
 * accepts are made.
 */
#ifndef SPPROF_OPTIONS_OPTIONS_H
#define SPPROF_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "spprof/error.h"
#include "spprof/session.h"

/* The commands, as sets of them in the table. */
enum verb_bit { FOR_BT = 1 << 0, FOR_DOCTOR = 1 << 1, FOR_SAMPLE = 1 << 2, FOR_ALL = 0xff };

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct options {
    enum verb_bit verb; /* FOR_ALL until the command is known */
    bool json, locals, no_source, no_stop;
    int64_t thread;       /* 0: all */
    int64_t value_length; /* 0: as long as the default */
    uint64_t memory;      /* limit of the target's budget, bytes; 0: the default */
    const char *sysroot;
    double duration_s, rate_hz; /* of sample; 0: not said */
    const char *output, *format, *stats;
    bool stop, idle, gil, threads;
    enum color color;
    bool verbose, quiet;
    bool help, version; /* asked for: nothing else is done */
    char **operands;
    int operand_count;
    bool command; /* the operands stand behind "--" */
};

/*
 * Reads the options in argv, from argv[1] on, and adds them to options. While options->verb is FOR_ALL it stops at the first operand, which
 * names the command; afterwards operands may stand before, between and behind options. Errors: USAGE, which says what is wrong.
 */
struct spprof_error *options_parse(struct options *options, int argc, char **argv);

/* The seconds that a text like "10s", "500ms", "2m" or "1.5" means; false where it means none. */
bool options_duration(const char *text, double *seconds);

/* Writes the options that a command accepts (FOR_ALL: those that every command accepts), one a line, for --help. */
void options_print(FILE *stream, enum verb_bit verb);

/* Calls add for each option of a command ("--json"). */
void options_list(enum verb_bit verb, void (*add)(void *context, const char *word), void *context);

/* What is to be read, as the options of bt say. */
struct spprof_snapshot_options options_snapshot(const struct options *options);

#endif
