/* Python's str and bytes. */
#ifndef SPPROF_OBJECT_STRING_H
#define SPPROF_OBJECT_STRING_H

#include "object/reader.h"
#include "spprof/snapshot.h"

enum { STRING_LENGTH_MAX = 1 << 20 }; /* code points; longer names are refused */

/* Makes sure that the str object and its characters are in the copy. */
enum read_cache_status object_string_load(struct reader *reader, uint64_t object, const char *what);

/* The text of a str object, owned by the caller (free text->bytes). */
enum read_cache_status object_string_read(struct reader *reader, uint64_t object, const char *what, struct spprof_text *text);

/* The characters of a str object, width bytes each, valid until the next fetch; of a longer one the first limit, then *cut is true. */
enum read_cache_status object_string_peek(struct reader *reader, uint64_t object, const char *what, size_t limit, const uint8_t **data,
                                          size_t *length, unsigned *width, bool *cut);

/* Whether the object is a str equal to an ASCII text; an object that is no str is not equal. */
enum read_cache_status object_string_equals(struct reader *reader, uint64_t object, const char *ascii, bool *equal);

/* The bytes of a bytes object; *data is valid until the next fetch. At most limit bytes, longer ones are refused. */
enum read_cache_status object_bytes_read(struct reader *reader, uint64_t object, const char *what, size_t limit, const uint8_t **data, size_t *size);

/* The number of bytes in a bytes object, and nothing else of it. */
enum read_cache_status object_bytes_size(struct reader *reader, uint64_t object, const char *what, uint64_t *size);

#endif
