/* Many samples folded into one tree: where the time went. */
#ifndef SPPROF_PROFILE_H
#define SPPROF_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "spprof/error.h"
#include "spprof/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A place in the source: a function and the line where it stood. Texts are raw, generalised UTF-8 (snapshot.h). */
struct spprof_place {
    struct spprof_text function; /* the qualified name where the version has one, else the name */
    struct spprof_text file;
    int32_t first_line; /* of the function */
    int32_t line;       /* SPPROF_NO_POSITION: none */
};

/* A call path: a place, and the node of its caller. */
struct spprof_node {
    uint32_t place;                     /* index; of a thread's root: SPPROF_NONE */
    uint32_t parent;                    /* index; of a thread's root: SPPROF_NONE */
    uint32_t first_child, next_sibling; /* indices, SPPROF_NONE ends; in no particular order */
    uint64_t self, total;               /* samples that ended here; that came by here. total is valid after spprof_profile_finish */
};

enum { SPPROF_NONE = UINT32_MAX };

/* A thread that was sampled. One whose kernel id is used again by another thread (another address or name) is another. */
struct spprof_profile_thread {
    int64_t tid;
    struct spprof_text name; /* Python's; bytes NULL: unknown */
    char os_name[64];
    bool main;
    uint32_t root; /* node */
    uint64_t samples;
};

/* Why samples were dropped: the keys of --json-stats. */
enum spprof_drop {
    SPPROF_DROP_CHANGED,         /* "changed": the stack moved while it was read, and never stood long enough */
    SPPROF_DROP_BAD_POINTER,     /* "bad-pointer" */
    SPPROF_DROP_NOT_CODE,        /* "not-code": what a frame names is no code object */
    SPPROF_DROP_BAD_INSTRUCTION, /* "bad-instruction": outside its code object, or one that cannot call */
    SPPROF_DROP_CYCLE,           /* "cycle" */
    SPPROF_DROP_UNREADABLE,      /* "unreadable" */
    SPPROF_DROP_REASONS
};

/* Names as in the JSON. */
extern const char *const spprof_drop_names[SPPROF_DROP_REASONS];

/* What became of every look. One stack of one thread at one tick is one sample. */
struct spprof_sample_counts {
    double duration_s, rate_hz; /* sampled for; asked */
    uint64_t ticks, overruns;   /* looks made; looks that were due but could not be made in time */
    uint64_t captured;          /* samples that are in the profile, all of them */
    uint64_t recovered;         /* of these: the newest frame is another one than the thread state named a moment before */
    uint64_t cut_to_caller;     /* of these: what the newest frame is cannot be proven, its caller stands for it */
    uint64_t retried;           /* of these: it took more than one try */
    uint64_t dropped[SPPROF_DROP_REASONS];
    uint64_t held[SPPROF_HELD_KINDS]; /* looks at threads that something kept from running, by what that was */
    char held_by[96];                 /* who did it last: "gdb (process 77)"; "" not known */
    uint64_t threads_seen;
    uint64_t left_over;                                    /* thread states that no living thread runs, and that were left out: at the end */
    double capture_p50_us, capture_p99_us, capture_max_us; /* time of one look at one thread */
};

struct spprof_profile {
    /* All arrays are owned by the profile; read them, change them only by the functions below. */
    struct spprof_place *places;
    uint32_t place_count;
    struct spprof_node *nodes;
    uint32_t node_count;
    struct spprof_profile_thread *threads;
    uint32_t thread_count;
    bool threads_are_cut; /* there were more: those that came later are one together, "(other threads)" */
    uint64_t samples;
    int64_t started_at; /* ns since the epoch; 0 unknown */
    int64_t pid;
    char *executable;             /* raw bytes; NULL unknown */
    char *command;                /* raw bytes, arguments joined by blanks; NULL unknown */
    struct spprof_python python;  /* the first of those that run in the process */
    struct spprof_python *others; /* the other ones; every stack begins with a place that names its Python then */
    size_t other_count;
    struct spprof_problems problems; /* what was not as it should be, each once */
    struct spprof_sample_counts counts;
    struct profile_index *index; /* private */
};

/* Errors: NO_MEMORY. */
struct spprof_error *spprof_profile_new(struct spprof_profile **profile);
void spprof_profile_free(struct spprof_profile *profile); /* NULL is allowed */

/* The index of a place, made when it is new; the texts are copied. SPPROF_NONE: no memory. Amortised O(1). */
uint32_t spprof_profile_place(struct spprof_profile *profile, const struct spprof_place *place);

/*
 * The index of a thread, made when it is new; name is copied (bytes NULL: unknown). SPPROF_NONE: no memory. A kernel id with another
 * name is another thread. One whose name is not known is the thread that had the id last: the threading module learns of a thread
 * only after it has begun, and forgets it before it ends.
 */
uint32_t spprof_profile_thread(struct spprof_profile *profile, int64_t tid, const struct spprof_text *name, const char *os_name, bool main);

/* The child of a node for a place, made when it is new. SPPROF_NONE: no memory. Amortised O(1), however many children there are. */
uint32_t spprof_profile_child(struct spprof_profile *profile, uint32_t node, uint32_t place);

/* Counts weight samples that ended at node (a thread's root: a thread without Python frames) of a thread. */
void spprof_profile_count(struct spprof_profile *profile, uint32_t thread, uint32_t node, uint64_t weight);

/* Sums up the totals. To be called once, after the last sample; more samples and another call are allowed. */
void spprof_profile_finish(struct spprof_profile *profile);

/* SPPROF_FORMAT_TABLE, ...: the lines of profile_formats.def */
enum spprof_profile_format {
#define FORMAT(symbol, ...) SPPROF_FORMAT_##symbol,
#include "spprof/profile_formats.def"
#undef FORMAT
    SPPROF_FORMATS
};

struct spprof_profile_format_names {
    const char *name;       /* of --format */
    const char *endings[3]; /* of the names of files, NULL behind the last */
    bool is_text;           /* UTF-8; else bytes */
};

extern const struct spprof_profile_format_names spprof_profile_formats[SPPROF_FORMATS];

/* The format that a name of --format means, or that the end of a file's name asks for; SPPROF_FORMATS: none. */
enum spprof_profile_format spprof_profile_format_by_name(const char *name);
enum spprof_profile_format spprof_profile_format_of_file(const char *path);

/* The end of the name of a file in this format that is given a name (".table" where none is recognised). Static. */
const char *spprof_profile_format_ending(enum spprof_profile_format format);

struct spprof_profile_report_options {
    bool color;     /* of the table */
    bool threads;   /* one root a thread; else the threads are folded into one. pprof labels samples by thread either way, the page
                    * of HTML holds both and begins with the one that is asked for */
    unsigned width; /* of the terminal, for the table; 0: 100 */
};

/* Writes a finished profile to a stream that the caller owns; write errors are left in ferror(stream). Errors: NO_MEMORY. */
struct spprof_error *spprof_report_profile(FILE *stream, const struct spprof_profile *profile, enum spprof_profile_format format,
                                           const struct spprof_profile_report_options *options);

/* --json-stats. */
void spprof_report_sample_stats(FILE *stream, const struct spprof_sample_counts *counts);

#ifdef __cplusplus
}
#endif
#endif
