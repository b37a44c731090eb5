/* Whether frames can be what they seem: the same checks guard a stopped target and a running one. */
#ifndef SPPROF_FRAMES_FRAME_CHECK_H
#define SPPROF_FRAMES_FRAME_CHECK_H

#include "layout/layout.h"
#include "frames/stack.h"

/*
 * The byte offset of a frame's instruction in its bytecode, negative where nothing has run yet; false where the frame's code object is
 * none, or the instruction lies outside it. The entry must be settled. reason gets at most size bytes of words.
 */
bool frames_frame_instruction(const struct raw_frame *frame, const struct layout_rules *rules, int64_t *offset, char *reason, size_t size);

/* CPython's _PyFrame_IsIncomplete: a frame that is being made is not shown. Include/internal/pycore_frame.h of 3.11 to 3.15. */
bool frames_frame_is_incomplete(const struct raw_frame *frame, const struct layout_rules *rules, int64_t offset);

/*
 * Whether a frame lies right behind the frame that it was pushed on: from 3.12 on a code object tells how much its frames take.
 * True where that cannot be told (other owners, other chunks, older versions).
 */
bool frames_frame_fits_caller(const struct raw_frame *callee, const struct raw_frame *caller);

/*
 * Whether a function is one of the interpreter's own that only pushes another one: _Py_InitCleanup, Python/specialize.c of 3.13, which calls
 * __init__ for a class. None of its instructions is traceable, so that its frames are never complete.
 */
bool frames_code_is_trampoline(const struct code_entry *code);

#endif
