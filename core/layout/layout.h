/*
 * What the bytes mean: for one interpreter the offset of every field that the walkers use, and the walking rules of its version.
 * Filled from _Py_DebugOffsets, DWARF or a built-in table (source[] says which). LAYOUT_ABSENT means that the version does not have the
 * field, and nothing else. Whatever the target says, an offset is below 2 MiB, and where the size of a structure is known
 * (thread_state.size, ...) its fields begin at least 8 bytes before its end.
 */
#ifndef SPPROF_LAYOUT_LAYOUT_H
#define SPPROF_LAYOUT_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "layout/rules.h"
#include "runtime/runtime.h"
#include "spprof/error.h"
#include "spprof/session.h"
#include "spprof/snapshot.h"
#include "spprof/target.h"

/* One enumerator a field: FIELD_thread_state_current_frame. fields.def is the only list. */
enum layout_field {
#define FIELD(group, name, width, debug_offsets_word, members) FIELD_##group##_##name,
#include "layout/fields.def"
#undef FIELD
    LAYOUT_FIELD_COUNT
};

enum { LAYOUT_ABSENT = -1 };

struct layout {
    uint32_t version; /* PY_VERSION_HEX, patch level included where known */
    bool free_threaded, debug;
    enum spprof_layout_source source; /* of most fields: what is reported */
    const struct layout_rules *rules;
    uint64_t code_type; /* where PyCode_Type stands, where its name does not tell; 0: its name does, or it is not known */
    int32_t offset[LAYOUT_FIELD_COUNT];
    enum spprof_layout_source field_source[LAYOUT_FIELD_COUNT];
};

/* The offset of a field: LAYOUT(layout, thread_state, next). */
#define LAYOUT(layout, group, name) ((layout)->offset[FIELD_##group##_##name])

const char *layout_field_group(enum layout_field field);
const char *layout_field_name(enum layout_field field);

/* How the runtimes of the versions without debug offsets are recognised: for runtime_find. Gives the number of shapes, at most capacity. */
size_t layout_runtime_shapes(struct runtime_shape *shapes, size_t capacity);

/*
 * Finds the layout of the interpreter whose runtime is given: the best source first, completed by the others, probed on the
 * target. A version newer than every table is tried by its debug offsets with the newest rules, and a problem is added to the target.
 * Errors: UNSUPPORTED (says which probe failed); UNREADABLE; NOT_PYTHON where this runtime has no interpreter: it is not started yet,
 * has ended, or is the second mapping of one.
 */
struct spprof_error *layout_find(struct spprof_target *target, const struct runtime *runtime, struct layout *layout);

/* Whether the process has begun to end: Py_FinalizeEx has stopped the other threads and tears the interpreter down. */
bool layout_is_finalizing(struct spprof_target *target, uint64_t runtime, const struct layout *layout);

/*
 * Every source that can be had is compared with the layout that is used, field by field, and every probe's outcome told. layout is
 * what layout_find gave; NULL where it failed: then the best that can be put together stands for it.
 */
void layout_diagnose(struct spprof_target *target, const struct runtime *runtime, const struct layout *layout, struct spprof_diagnosis *diagnosis);

#endif
