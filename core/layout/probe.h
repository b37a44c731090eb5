/* Probes: whether what a layout says is true of the target at hand. */
#ifndef SPPROF_LAYOUT_PROBE_H
#define SPPROF_LAYOUT_PROBE_H

#include "layout/layout.h"

enum probe {
    PROBE_INTERPRETERS, /* the first interpreter points back to the runtime */
    PROBE_THREADS,      /* a thread state points back to its interpreter, and its neighbour to it */
    PROBE_CODE,         /* what a frame runs is of the type "code", whose size is the one expected */
    PROBE_SYS,          /* sys.hexversion is the version */
    PROBE_COUNT
};

enum probe_outcome {
    PROBE_NOT_MADE, /* what it needs cannot be read, or is not there: says nothing */
    PROBE_FAILED,   /* every object that was looked at is not as expected */
    PROBE_PASSED,   /* at least one is: what is cleared or overwritten in one refuses nothing that others prove */
};

struct probe_result {
    enum probe_outcome outcome;
    char text[256];    /* what was found, or why the probe failed or was not made */
    int failed;        /* objects that were not as expected before one was */
    char failure[256]; /* of the first of them */
};

struct probes {
    struct probe_result results[PROBE_COUNT];
    bool not_initialized;      /* the runtime has no interpreter: not started yet, ended, or a second mapping of it */
    uint32_t version;          /* sys.hexversion; 0: not read */
    bool free_threaded, debug; /* from sys, where version is not 0 */
    bool finalizing;           /* the process has begun to end */
};

/* Makes every probe, in about 20 reads where the first object that each looks at is as expected. */
void layout_probes_make(struct spprof_target *target, uint64_t runtime, const struct layout *layout, struct probes *probes);

/* The same up to 300 times for a process that runs, until none fails: what was read while it ran may have been changing. */
void layout_probes_make_patiently(struct spprof_target *target, uint64_t runtime, const struct layout *layout, struct probes *probes);

/* How many probes passed, less those that failed: each looks at other things. */
int layout_probes_weigh(const struct probes *probes);

/* None failed, and those passed without which nothing is proved. */
bool layout_probes_accept(const struct probes *probes);

/* The first probe that failed; PROBE_COUNT where none did. */
enum probe layout_probes_failed(const struct probes *probes);

/* "interpreters", "threads", "code objects", "sys.hexversion". */
const char *layout_probe_name(enum probe probe);

#endif
