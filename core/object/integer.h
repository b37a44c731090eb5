/* Python's int, as far as it fits a machine word: Include/cpython/longintrepr.h, 3.9 to 3.15. */
#ifndef SPPROF_OBJECT_INTEGER_H
#define SPPROF_OBJECT_INTEGER_H

#include "object/reader.h"

/* A non-negative int below 2**64; *fits is false for any other int and for an object that is no int. */
enum read_cache_status object_integer_read(struct reader *reader, uint64_t object, const char *what, bool *fits, uint64_t *value);

/* The same for an int between -2**63 and 2**63, both left out. */
enum read_cache_status object_integer_read_signed(struct reader *reader, uint64_t object, const char *what, bool *fits, int64_t *value);

#endif
