/* _Py_DebugOffsets: what the interpreter itself says of its layout, 3.13 and later, at the start of _PyRuntime. */
#ifndef SPPROF_LAYOUT_DEBUG_OFFSETS_H
#define SPPROF_LAYOUT_DEBUG_OFFSETS_H

#include <stddef.h>
#include <stdint.h>

#include "layout/layout.h"

struct debug_offsets {
    uint32_t version; /* PY_VERSION_HEX */
    bool free_threaded;
    const char *variant;                /* of the structure: "3.14", ...; a static string */
    int32_t offset[LAYOUT_FIELD_COUNT]; /* LAYOUT_ABSENT where the variant does not have the field */
};

/* The most that any variant has, cookie included. */
enum { DEBUG_OFFSETS_MAX_WORDS = 111 };

/*
 * Decodes count words. The structure has changed inside one minor version and says its own size nowhere, so the variant is the newest
 * one that makes sense: sizes sane, every offset inside its structure and aligned, what is known of all versions true. No word is
 * believed: every offset given is below 1 MiB. Returns false where no variant makes sense.
 */
bool layout_debug_offsets_decode(const uint64_t *words, size_t count, struct debug_offsets *offsets);

/* Reads and decodes them. Errors: UNREADABLE; UNSUPPORTED where they make no sense. */
struct spprof_error *layout_debug_offsets_read(struct spprof_target *target, uint64_t address, struct debug_offsets *offsets);

#endif
