/* Text that came from a target. */
#ifndef SPPROF_TEXT_H
#define SPPROF_TEXT_H

#include <stddef.h>

/*
 * Text of the target: Python's code points as UTF-8, where a lone surrogate is encoded like any other code point (three
 * bytes, "generalised UTF-8"), so that nothing is lost. NUL may stand inside. Raw: escape before showing (report/ does).
 */
struct spprof_text {
    char *bytes; /* ended by NUL, which size does not count; NULL: not known */
    size_t size;
};

#endif
