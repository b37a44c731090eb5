/* The frame that a frame object stands for, as a traceback names one. */
#ifndef SPPROF_OBJECT_FRAME_OBJECT_H
#define SPPROF_OBJECT_FRAME_OBJECT_H

#include "object/reader.h"

/*
 * From 3.11 on a PyFrameObject points to its frame (f_frame, Include/internal/pycore_frame.h; pycore_interpframe_structs.h from 3.14 on); before
 * it is the frame itself. what names the frame in the reason.
 */
enum read_cache_status object_frame_of_object(struct reader *reader, uint64_t object, const char *what, uint64_t *frame);

#endif
