#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "layout/diagnosis.h"
#include "spprof/session.h"
#include "target/target.h"
#include "snapshot/candidates.h"

enum { FACT = SPPROF_FINDING_FACT, MISSING = SPPROF_FINDING_MISSING };

static const char *architecture_name(enum spprof_architecture architecture)
{
    switch (architecture) {
    case SPPROF_X86_64: return "x86-64";
    case SPPROF_AARCH64: return "aarch64";
    default: return "unknown architecture";
    }
}

static void diagnose_target(const struct spprof_target *target, struct spprof_diagnosis *diagnosis)
{
    bool core = target->kind == SPPROF_TARGET_CORE;
    layout_diagnosis_add(diagnosis, FACT, "target", "%s %" PRId64 ", %s", core ? "core of process" : "process", target->pid,
                         architecture_name(target->architecture));
    if (target->executable != NULL)
        layout_diagnosis_add(diagnosis, FACT, "executable", "%s", target->executable);
    else
        layout_diagnosis_add(diagnosis, MISSING, "executable", "its name is not known");
    if (target->access != NULL)
        layout_diagnosis_add(diagnosis, FACT, "memory", "%s", target->access);
    if (target->signal != 0)
        layout_diagnosis_add(diagnosis, FACT, "died of", "signal %d", target->signal);
}

static void diagnose_threads(struct spprof_target *target, struct spprof_diagnosis *diagnosis)
{
    struct spprof_native_threads threads = {NULL, 0};
    struct spprof_error *error = target->ops->threads != NULL ? target->ops->threads(target, &threads) : NULL;
    if (error != NULL)
        layout_diagnosis_add(diagnosis, MISSING, "kernel threads", "%s", error->message);
    else
        layout_diagnosis_add(diagnosis, FACT, "kernel threads", "%zu", threads.count);
    spprof_error_free(error);
    spprof_native_threads_free(&threads);
}

static const char *module_path(const struct runtime *runtime)
{
    return runtime->module != NULL && runtime->module->path[0] != '\0' ? runtime->module->path : "memory without a name";
}

static bool is_used(const struct runtime *runtime, const struct pythons *pythons)
{
    for (size_t i = 0; i < pythons->count; i++)
        if (pythons->items[i].runtime.address == runtime->address)
            return true;
    return false;
}

static void diagnose_candidate(const struct runtime *runtime, const struct pythons *pythons, struct spprof_diagnosis *diagnosis)
{
    char version[32] = "of unknown version";
    if (runtime->version != 0)
        spprof_version_text(runtime->version, version, sizeof version);
    layout_diagnosis_add(diagnosis, FACT, "_PyRuntime", "at 0x%" PRIx64 " in %s, by %s: Python %s%s", runtime->address, module_path(runtime),
                         runtime->how, version, is_used(runtime, pythons) ? " (used)" : "");
    if (runtime->module != NULL && runtime->module->deleted)
        layout_diagnosis_add(diagnosis, FACT, "module", "%s was deleted or replaced since the process began", runtime->module->path);
}

static void diagnose_layout(const struct chosen *chosen, struct spprof_diagnosis *diagnosis)
{
    static const char *const sources[] = {
        [SPPROF_LAYOUT_DEBUG_OFFSETS] = "the debug offsets in its memory",
        [SPPROF_LAYOUT_DWARF] = "its debug information",
        [SPPROF_LAYOUT_BUILT_IN] = "the built-in table of its version",
    };
    char version[32];
    spprof_version_text(chosen->layout.version, version, sizeof version);
    layout_diagnosis_add(diagnosis, FACT, "Python", "%s%s%s, read by %s", version, chosen->layout.free_threaded ? ", free-threaded" : "",
                         chosen->layout.debug ? ", debug build" : "", sources[chosen->layout.source]);
}

static void diagnose_candidates(struct spprof_target *target, const struct runtimes *candidates, const struct pythons *pythons,
                                struct spprof_diagnosis *diagnosis)
{
    for (size_t i = 0; i < candidates->count; i++)
        diagnose_candidate(&candidates->items[i], pythons, diagnosis);
    for (size_t i = 0; i < pythons->count; i++) {
        diagnose_layout(&pythons->items[i], diagnosis);
        layout_diagnose(target, &pythons->items[i].runtime, &pythons->items[i].layout, diagnosis);
    }
    if (pythons->count == 0 && candidates->count > 0)
        layout_diagnose(target, &candidates->items[0], NULL, diagnosis);
}

struct spprof_error *spprof_diagnose(struct spprof_target *target, struct spprof_diagnosis *diagnosis)
{
    struct runtimes candidates;
    struct pythons pythons;
    *diagnosis = (struct spprof_diagnosis){NULL, 0};
    diagnose_target(target, diagnosis);
    diagnose_threads(target, diagnosis);
    struct spprof_error *error = snapshot_candidates_choose(target, &candidates, &pythons);
    diagnose_candidates(target, &candidates, &pythons, diagnosis);
    runtime_list_free(&candidates);
    snapshot_pythons_free(&pythons);
    for (size_t i = 0; i < target->problems.count; i++)
        layout_diagnosis_add(diagnosis, MISSING, "problem", "%s", target->problems.texts[i]);
    return error;
}
