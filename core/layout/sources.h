/* The three sources of a layout, and how they are put together. */
#ifndef SPPROF_LAYOUT_SOURCES_H
#define SPPROF_LAYOUT_SOURCES_H

#include "layout/built_in.h"
#include "layout/debug_offsets.h"
#include "layout/dwarf.h"
#include "layout/layout.h"

/* Everything that is known of one interpreter's layout before it is put together. */
struct layout_sources {
    struct spprof_target *target;
    const struct runtime *runtime;
    const struct debug_offsets *debug_offsets; /* NULL: none */
    struct dwarf_offsets *dwarf;               /* owned; NULL: none, or not read yet */
    bool dwarf_first;                          /* the debug offsets, or the table, were found wrong */
    uint32_t version;                          /* PY_VERSION_HEX, where there are debug offsets */
};

void layout_sources_release(struct layout_sources *sources);

/*
 * Reads the debug information where it has not been read yet: the fields that the table has, all where table is NULL.
 * Errors as layout_dwarf_offsets_read; NOT_FOUND where the module is not known.
 */
struct spprof_error *layout_sources_read_dwarf(struct layout_sources *sources, const struct built_in *table);

/* Whether some field is known from the table only, and stands behind a place where the debug offsets contradict the table. */
bool layout_sources_doubt(const struct layout_sources *sources, const struct built_in *table);

/* Why a layout must not be used. */
struct refusal {
    char text[256];
};

/*
 * Puts the layout of one version together from the best source of each field; the table stands in for what no other knows. False: it
 * cannot be (bounds.h), and must not be used.
 */
bool layout_sources_compose(const struct layout_sources *sources, uint32_t version, const struct built_in *table, struct layout *layout,
                            struct refusal *refusal);

/* Where two sources differ: in how many fields, and what each says of the first of them. */
struct disagreement {
    size_t count;
    enum layout_field field;
    int32_t said, other;
};

/* Compares the fields that both have. */
struct disagreement layout_sources_compare(const int32_t *said, const int32_t *other);

/*
 * Whether what is said may be so of a build with changes of its own, where what is known is that of its version: a field that was put into
 * a structure moves all that stand behind it, and makes it larger.
 */
bool layout_sources_look_patched(const int32_t *said, const int32_t *known);

#endif
