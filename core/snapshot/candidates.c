#include "snapshot/candidates.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/budget.h"
#include "target/elf/elf_memory.h"
#include "target/target.h"
#include "snapshot/not_python.h"

enum { SHAPES_MAX = 8 };

static enum spprof_architecture architecture_of(struct spprof_target *target, const struct runtime *runtime)
{
    const struct elf_reader reader = target_elf_target_reader(target);
    enum spprof_architecture told = runtime->module != NULL ? target_elf_architecture(&reader, runtime->module->start) : SPPROF_ARCHITECTURE_UNKNOWN;
    return told != SPPROF_ARCHITECTURE_UNKNOWN ? told : target->architecture;
}

void snapshot_pythons_free(struct pythons *pythons)
{
    free(pythons->items);
    *pythons = (struct pythons){NULL, 0};
}

static struct spprof_error *add_python(struct spprof_target *target, const struct chosen *chosen, struct pythons *pythons)
{
    if (!ARRAY_RESIZE(pythons->items, pythons->count + 1))
        return spprof_error_no_memory();
    pythons->items[pythons->count] = *chosen;
    pythons->items[pythons->count++].architecture = architecture_of(target, &chosen->runtime);
    return NULL;
}

/* Why candidates were refused: the first of those that seem to run counts, else the first of all. */
struct refusals {
    struct spprof_error *error;
    const struct spprof_module *module; /* that it lies in; NULL unknown */
    bool is_alive;                      /* it is one, and cannot be read */
};

/* What merely looks like a runtime, in memory that may hold anything, is none where it does not work as one. */
static bool is_chance(const struct runtime *runtime)
{
    return !runtime->has_debug_offsets && runtime->module == NULL;
}

static void refuse(struct spprof_target *target, struct refusals *refusals, const struct runtime *runtime, struct spprof_error *error)
{
    bool better = refusals->error == NULL || (refusals->error->kind == SPPROF_ERROR_NOT_PYTHON && error->kind != SPPROF_ERROR_NOT_PYTHON);
    if (is_chance(runtime) || !better) {
        spprof_error_free(error);
        return;
    }
    struct runtime_shape shapes[SHAPES_MAX];
    spprof_error_free(refusals->error);
    refusals->error = error;
    refusals->module = runtime->module;
    refusals->is_alive = error->kind != SPPROF_ERROR_NOT_PYTHON && !runtime->by_shape &&
                         runtime_is_alive(target, runtime, shapes, layout_runtime_shapes(shapes, SHAPES_MAX));
}

static struct spprof_error *choose_from(struct spprof_target *target, const struct runtimes *candidates, size_t first, struct pythons *pythons,
                                        struct refusals *refusals)
{
    for (size_t i = first; i < candidates->count; i++) {
        struct chosen chosen = {.runtime = candidates->items[i]};
        struct spprof_error *error = layout_find(target, &chosen.runtime, &chosen.layout);
        if (error == NULL)
            TRY(add_python(target, &chosen, pythons));
        else
            refuse(target, refusals, &chosen.runtime, error);
    }
    return NULL;
}

static struct spprof_error *look(struct spprof_target *target, struct runtimes *candidates, struct pythons *pythons, struct refusals *refusals)
{
    struct runtime_shape shapes[SHAPES_MAX];
    size_t shape_count = layout_runtime_shapes(shapes, SHAPES_MAX);
    for (enum runtime_place place = 0; place < RUNTIME_PLACES; place++) {
        size_t before = candidates->count;
        TRY(runtime_find(target, shapes, shape_count, place, pythons->count > 0, candidates));
        TRY(choose_from(target, candidates, before, pythons, refusals));
    }
    return NULL;
}

/* A file has one runtime: what else looks like one in it, a copy of its first bytes, is none. */
static bool holds_python(const struct pythons *pythons, const struct spprof_module *module)
{
    for (size_t i = 0; module != NULL && i < pythons->count; i++)
        if (pythons->items[i].runtime.module == module)
            return true;
    return false;
}

struct spprof_error *snapshot_candidates_choose(struct spprof_target *target, struct runtimes *candidates, struct pythons *pythons)
{
    struct refusals refusals = {NULL, NULL, false};
    *candidates = (struct runtimes){NULL, 0};
    *pythons = (struct pythons){NULL, 0};
    target_budget_begin(&target->budget);
    struct spprof_error *error = look(target, candidates, pythons, &refusals);
    if (error == NULL && pythons->count == 0 && refusals.error == NULL)
        return snapshot_not_python(target);
    if (error == NULL && pythons->count == 0)
        return target->lacks != NULL ? spprof_error_context(refusals.error, "%s", target->lacks) : refusals.error;
    if (error == NULL && refusals.is_alive && !holds_python(pythons, refusals.module))
        spprof_problems_add(&target->problems, "another Python in it is not shown: %s", refusals.error->message);
    spprof_error_free(refusals.error);
    return error;
}
