/* A frame that is known by its address alone: that of a generator, of a traceback, of a frame object. */
#ifndef SPPROF_FRAMES_FRAME_AT_H
#define SPPROF_FRAMES_FRAME_AT_H

#include "frames/code_table.h"
#include "frames/stack.h"

/* Reads the frame (a _PyInterpreterFrame, before 3.11 a PyFrameObject). Its code object is put into the table, but may be pending. */
enum read_cache_status frames_frame_at(struct reader *reader, struct code_table *codes, uint64_t address, struct raw_frame *frame);

/* The line of an instruction, from a line table that is in the copy; SPPROF_NO_POSITION where there is none. PENDING until the code
 * object is settled. */
enum read_cache_status frames_line_at(struct reader *reader, const struct code_entry *code, int64_t offset, int32_t *line);

#endif
