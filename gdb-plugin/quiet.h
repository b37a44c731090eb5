/*
 * Keeps to itself what gdb prints. Some of what gdb tells of a stop reaches standard output whatever is done to the command that
 * runs the program, so that standard output itself leads elsewhere for a while.
 */
#ifndef SPPROF_GDB_QUIET_H
#define SPPROF_GDB_QUIET_H

struct quiet {
    int output; /* standard output as it was */
    int kept;   /* what was printed since; -1: nothing is kept back */
};

/* Where it cannot be done gdb prints as ever. */
void quiet_begin(struct quiet *quiet);

/* What was printed so far will not be shown. */
void quiet_forget(const struct quiet *quiet);

/* Standard output is again as it was. */
void quiet_end(struct quiet *quiet);

/* After that: shows what was kept back, or does away with it. */
void quiet_show(const struct quiet *quiet);
void quiet_free(struct quiet *quiet);

#endif
