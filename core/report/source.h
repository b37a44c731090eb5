/*
 * The source lines of frames, and whether the file at hand is what ran. A file is sure
 * - by the clock: its contents and its inode are older than the process, and its path is absolute: a relative one depends on where the
 *   process stood when it compiled the file.
 * - by its bytecode: `__pycache__` beside it holds bytecode made from just this file (its time and size are in the header of the .pyc,
 *   see Lib/importlib/_bootstrap_external.py) with the code object that runs in it: the same first line, followed by the
 *   same line table (w_complex_object in Python/marshal.c). This is the only way for a core, and where such bytecode contradicts
 *   the clock (a worker may have been forked long after its parent compiled the file), it wins.
 * Of any other file lines are shown, too, with a mark, and a note tells why. Not so where the line at which a function begins does not
 * name the function: there the file has changed, or generated code (templates) borrows its name; the note says that.
 */
#ifndef SPPROF_REPORT_SOURCE_H
#define SPPROF_REPORT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "spprof/report.h"
#include "spprof/snapshot.h"
#include "spprof/target.h"

struct sources;

/* Borrows both, which must outlive it. NULL where memory has run out: then there are no source lines. Reads no file yet. */
struct sources *report_sources_new(const struct spprof_snapshot *snapshot, struct spprof_target *target);
/* The same as options ask for it; NULL where they do not, too. */
struct sources *report_sources_of(const struct spprof_snapshot *snapshot, const struct spprof_report_options *options);

void report_sources_free(struct sources *sources); /* NULL is allowed */

/*
 * The line at which frame stands, without the blanks around it; false where there is none to show, or it is blank. Each file
 * is read at most once. line points into memory of sources; it is not ended by NUL and is raw: escape before showing.
 */
bool report_sources_line(struct sources *sources, const struct spprof_frame *frame, const char **line, size_t *size);

/* Any line of the file in which frame stands, by its number, with the blanks in front of it; it may be empty. */
bool report_sources_line_at(struct sources *sources, const struct spprof_frame *frame, int32_t number, const char **line, size_t *size);

/* Whether the file may be another than the one that ran; UNKNOWN where there is none at hand. */
enum spprof_truth report_sources_may_differ(struct sources *sources, const struct spprof_frame *frame);

#define SOURCE_MARK "?" /* in front of a line that may differ from what ran */

/* A line for each reason why lines that were asked for are marked or missing, of all files that it holds for. False: there was none. */
bool report_sources_write_notes(const struct sources *sources, FILE *stream);

#endif
