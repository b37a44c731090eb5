/*
 * The exception that a thread raises or handles, with its traceback and what led to it: Include/cpython/pystate.h,
 * Include/cpython/pyerrors.h, Include/cpython/traceback.h, 3.9 to 3.15.
 */
#ifndef SPPROF_SNAPSHOT_EXCEPTIONS_H
#define SPPROF_SNAPSHOT_EXCEPTIONS_H

#include "repr/value.h"
#include "frames/code_table.h"

struct exceptions;

/* Borrows values and codes. */
struct spprof_error *snapshot_exceptions_new(struct values *values, struct code_table *codes, struct exceptions **exceptions);
void snapshot_exceptions_free(struct exceptions *exceptions); /* NULL is allowed */

/*
 * Goes on with the exception of a thread state; true when it is settled. sys: the dict of the sys module where the thread's program may have
 * ended by an exception that nobody caught, and which it was about to report (sys.last_exc, sys.last_value before 3.12); else 0.
 */
bool snapshot_exceptions_step(struct exceptions *exceptions, struct reader *reader, uint64_t thread_state, uint64_t sys);

/*
 * The exception of a thread state, owned by the caller (snapshot_exception_free); NULL where it has none. To be called when everything is settled
 * and the code objects are decoded.
 */
struct spprof_exception *snapshot_exceptions_take(struct exceptions *exceptions, uint64_t thread_state);
void snapshot_exception_free(struct spprof_exception *exception); /* NULL is allowed */

#endif
