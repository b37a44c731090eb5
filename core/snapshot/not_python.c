#include "snapshot/not_python.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/runtime.h"
#include "target/descendants.h"
#include "target/target.h"

enum { DESCENDANTS_MAX = 64, NAMED_MAX = 3, LIST_SIZE = 4096 };

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* What runs Python programs, and is none; NULL: it is none of these. */
static const char *kind_of_program(const char *executable)
{
    static const char *const shells[] = {"sh", "bash", "dash", "zsh", "fish", "ksh", "busybox", "tcsh"};
    static const char *const launchers[] = {"sudo", "su",    "env",       "timeout",     "nohup",     "nice",         "setpriv",   "runuser", "tini",
                                            "uv",   "conda", "dumb-init", "docker-init", "catatonit", "s6-supervise", "supervise", "strace",  "time"};
    const char *name = base_name(executable);
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (strcmp(name, shells[i]) == 0)
            return "a shell";
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (strcmp(name, launchers[i]) == 0)
            return "a launcher";
    return NULL;
}

/* Another implementation of the language, by the files that it is made of; NULL: none that is known. */
static const char *other_implementation(const struct spprof_modules *modules, const char *executable)
{
    static const struct {
        const char *part, *name;
    } known[] = {{"pypy", "PyPy"}, {"graalpy", "GraalPy"}, {"micropython", "MicroPython"}, {"libpythonvm", "GraalPy"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strncmp(base_name(executable), known[i].part, strlen(known[i].part)) == 0)
            return known[i].name;
        for (size_t j = 0; j < modules->count; j++) {
            const char *name = base_name(modules->items[j].path);
            name += strncmp(name, "lib", 3) == 0 ? 3 : 0;
            if (strncmp(name, known[i].part, strlen(known[i].part)) == 0 ||
                strncmp(base_name(modules->items[j].path), known[i].part, strlen(known[i].part)) == 0)
                return known[i].name;
        }
    }
    return NULL;
}

/* PyPy under another name: what its libpypy exports for programs that embed it (rpython/translator/c/src/entrypoint.c, pypy/goal/targetpypystandalone.py). */
static bool is_pypy(struct spprof_target *target, const struct spprof_modules *modules)
{
    bool found = false;
    for (size_t i = 0; target->ops->find_symbol != NULL && !found && i < modules->count; i++) {
        uint64_t address;
        struct spprof_error *error = target->ops->find_symbol(target, &modules->items[i], "pypy_main_startup", &address);
        found = error == NULL;
        spprof_error_free(error);
    }
    return found;
}

/*
 * The file of a core that has a Python to which nothing was ever written: a page that was never touched is in no core. 3.9 keeps _PyRuntime where
 * its file holds nothing (Python/pylifecycle.c). NULL: there is none.
 */
static const struct spprof_module *untouched_python(struct spprof_target *target, const struct spprof_modules *modules)
{
    bool found = false;
    size_t i = 0;
    for (; target->kind == SPPROF_TARGET_CORE && target->ops->find_symbol != NULL && i < modules->count; i++) {
        uint64_t address, word;
        struct spprof_error *error = target->ops->find_symbol(target, &modules->items[i], "_PyRuntime", &address);
        found = error == NULL && target_try_read(target, address, &word, sizeof word) != SPPROF_READ_OK;
        spprof_error_free(error);
        if (found)
            break;
    }
    return found ? &modules->items[i] : NULL;
}

/* What was not searched, of a process that is read through a debugger. */
static const char *unsearched(struct spprof_target *target)
{
    const struct spprof_mapping *regions;
    size_t count = 0;
    struct spprof_error *error = target->kind == SPPROF_TARGET_PROCESS ? target_regions(target, &regions, &count) : NULL;
    bool unknown = target->kind == SPPROF_TARGET_PROCESS && (error != NULL || count == 0);
    spprof_error_free(error);
    if (target->budget.search_refused)
        return ". Not all of its memory was searched: the budget of searching is used up; --memory SIZE gives more";
    return unknown ? ". Memory that belongs to no module was not searched: the debugger cannot tell where there is some" : "";
}

static bool is_python(int64_t pid, char **executable)
{
    struct spprof_target *target;
    struct spprof_error *error = spprof_process_open(pid, &target);
    if (error != NULL) {
        spprof_error_free(error);
        return false;
    }
    bool found = runtime_is_named(target);
    *executable = found && target->executable != NULL ? strdup(target->executable) : NULL;
    spprof_target_close(target);
    return found;
}

/* "its child 1234 (/usr/bin/python3.12) is: 'spprof bt 1234'"; "" where no process that it has started is one. */
static void describe_children(const struct spprof_target *target, char *text, size_t size)
{
    int64_t pids[DESCENDANTS_MAX];
    size_t count = target->local ? target_descendants_find(target->pid, pids, DESCENDANTS_MAX) : 0, named = 0, used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && named < NAMED_MAX; i++) {
        CLEANUP_FREE char *executable = NULL;
        if (!is_python(pids[i], &executable))
            continue;
        int length = snprintf(text + used, size - used, "%sprocess %" PRId64 " (%.256s), which it has started, is one: 'spprof bt %" PRId64 "'",
                              named++ == 0 ? " " : "; ", pids[i], executable != NULL ? executable : "?", pids[i]);
        used += length > 0 && (size_t)length < size - used ? (size_t)length : 0;
    }
}

static struct spprof_error *no_python(struct spprof_target *target, const struct spprof_modules *modules, const char *executable)
{
    const char *kind = kind_of_program(executable);
    char children[LIST_SIZE];
    describe_children(target, children, sizeof children);
    if (children[0] != '\0')
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                                "no CPython interpreter was found in process %" PRId64 ": %s is %s, and no Python program itself;%s", target->pid,
                                executable, kind != NULL ? kind : "another program", children);
    if (kind != NULL && target->kind == SPPROF_TARGET_CORE)
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                                "no CPython interpreter was found in this core: it is that of %s, %s; a Python program that it has started has a "
                                "process, and a core, of its own",
                                executable, kind);
    if (kind != NULL)
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                                "no CPython interpreter was found in process %" PRId64
                                ": %s is %s, and none of the processes that it has started is a "
                                "Python program; 'ps -ef' lists the processes",
                                target->pid, executable, kind);
    return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                            "no CPython interpreter was found in this %s: none of its %zu modules has the symbol _PyRuntime, and no memory "
                            "looks like it. Is %s really a Python program? spprof reads CPython 3.9 and later%s",
                            target->kind == SPPROF_TARGET_CORE ? "core" : "process", modules->count, executable, unsearched(target));
}

struct spprof_error *snapshot_not_python(struct spprof_target *target)
{
    const struct spprof_modules *modules;
    const char *executable = target->executable != NULL ? target->executable : "it";
    TRY(target_modules(target, &modules));
    const char *other = other_implementation(modules, executable);
    if (target->lacks != NULL)
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON, "no Python can be found: %s", target->lacks);
    const struct spprof_module *untouched = untouched_python(target, modules);
    if (untouched != NULL)
        return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                                "the Python in %s has no interpreter: it was never started before the core was written, or the core was made without "
                                "its memory (coredump_filter)",
                                untouched->path);
    if (other == NULL && is_pypy(target, modules))
        other = "PyPy";
    if (other != NULL)
        return spprof_error_new(
            SPPROF_ERROR_NOT_PYTHON,
            "%s is %s, which is not CPython: its memory is laid out otherwise, and spprof reads CPython 3.9 and later. Its own "
            "faulthandler module prints stacks: faulthandler.register(signal.SIGUSR1, all_threads=True) in the program, then kill -USR1",
            executable, other);
    return no_python(target, modules, executable);
}
