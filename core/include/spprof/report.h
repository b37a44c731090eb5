/* A snapshot as text for people and as JSON for tools (shared contract: "spprof-stacks" version 1). */
#ifndef SPPROF_REPORT_H
#define SPPROF_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "spprof/session.h"
#include "spprof/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spprof_report_options {
    bool color;
    bool source;                  /* print source lines; JSON: tell whether the file may differ from what ran */
    struct spprof_target *target; /* where source files are opened; NULL: none are printed */
    /* Text: writes what a debugger calls the thread ("gdb thread 3"), or "" where it does not know it. NULL: there is no debugger. */
    void (*thread_label)(void *context, int64_t tid, char *label, size_t size);
    void *context; /* of thread_label */
};

/* All write to a stream that the caller owns; write errors are left in ferror(stream). */
void spprof_report_text(FILE *stream, const struct spprof_snapshot *snapshot, const struct spprof_report_options *options);
void spprof_report_thread(FILE *stream, const struct spprof_snapshot *snapshot, const struct spprof_thread *thread,
                          const struct spprof_report_options *options); /* the block of one thread, as a traceback */
void spprof_report_json(FILE *stream, const struct spprof_snapshot *snapshot, const struct spprof_report_options *options);
void spprof_report_diagnosis(FILE *stream, const struct spprof_diagnosis *diagnosis, const struct spprof_report_options *options);

/* One line that says that not everything could be read, and how much was not. Owned by the caller; NULL: everything was. */
char *spprof_report_note(const struct spprof_snapshot *snapshot);

/* Text of the target made safe for a terminal, in static UTF-8: control bytes, broken UTF-8, lone surrogates and bidirectional
 * controls become escapes (\x1b, \udc80). Writes to stream. */
void spprof_write_escaped(FILE *stream, const char *bytes, size_t size);

#ifdef __cplusplus
}
#endif
#endif
