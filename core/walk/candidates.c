#include "walk/candidates.h"

#include <inttypes.h>

#include <elf.h>
#include <string.h>

#include "cleanup.h"
#include "target/target.h"

enum { SHAPES_MAX = 8 };

struct spprof_error *candidates_find(struct spprof_target *target, struct runtimes *candidates)
{
    struct runtime_shape shapes[SHAPES_MAX];
    size_t count = layout_runtime_shapes(shapes, SHAPES_MAX);
    return runtime_find(target, shapes, count, candidates);
}

static enum spprof_architecture architecture_of(struct spprof_target *target, const struct runtime *runtime)
{
    Elf64_Ehdr header;
    if (runtime->module == NULL || target_try_read(target, runtime->module->start, &header, sizeof header) != SPPROF_READ_OK ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return target->architecture;
    return header.e_machine == EM_X86_64 ? SPPROF_X86_64 : header.e_machine == EM_AARCH64 ? SPPROF_AARCH64 : target->architecture;
}

struct spprof_error *candidates_choose(struct spprof_target *target, const struct runtimes *candidates, struct chosen *chosen)
{
    struct spprof_error *first = NULL;
    bool found = false;
    for (size_t i = 0; i < candidates->count; i++) {
        struct chosen candidate = {.runtime = candidates->items[i]};
        struct spprof_error *error = layout_find(target, &candidate.runtime, &candidate.layout);
        if (error == NULL && found)
            spprof_problems_add(&target->problems,
                                "the process holds a second interpreter, with _PyRuntime at 0x%" PRIx64 "; only the one at 0x%" PRIx64
                                " is shown",
                                candidate.runtime.address, chosen->runtime.address);
        else if (error == NULL)
            *chosen = candidate;
        found = found || error == NULL;
        if (error != NULL && first == NULL)
            first = error;
        else
            spprof_error_free(error);
    }
    if (!found)
        return first;
    spprof_error_free(first);
    chosen->architecture = architecture_of(target, &chosen->runtime);
    return NULL;
}
