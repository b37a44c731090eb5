/* Where _PyRuntime is, and what can be told of its version before anything else is read. */
#ifndef SPPROF_RUNTIME_RUNTIME_H
#define SPPROF_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"
#include "spprof/target.h"

/* One place where _PyRuntime may be. The same runtime mapped twice gives several candidates; the layout's probes choose. */
struct runtime {
    uint64_t address;
    const struct spprof_module *module; /* that it lies in; owned by the target; NULL unknown */
    /* PY_VERSION_HEX. From _Py_DebugOffsets (3.13 and later) or Py_Version (3.11 and later) exactly; from the module's name or the
     * shape of the memory only the minor version (the low 16 bits are 0); 0: nothing is known but that it may be 3.9 to 3.12. */
    uint32_t version;
    bool has_debug_offsets;
    bool free_threaded; /* as the debug offsets say */
    bool by_shape;      /* nothing but its shape says that it is one */
    const char *how;    /* "symbol _PyRuntime", "section .PyRuntime", "search of writable memory": a static string */
};

struct runtimes {
    struct runtime *items; /* best first */
    size_t count;
};

/*
 * How _PyRuntime is recognised where no symbol leads to it (a core whose files are not at hand): its interpreters.head and .main point to
 * interpreters whose `runtime` points back. From 3.13 on the cookie of the debug offsets says it.
 */
struct runtime_shape {
    uint32_t version;                             /* PY_VERSION_HEX with the low 16 bits 0 */
    int32_t interpreters_head, interpreters_main; /* offsets in _PyRuntimeState */
    int32_t interpreter_runtime;                  /* offset in PyInterpreterState */
};

/* Where a runtime may lie, the likelier and cheaper to look at first. */
enum runtime_place {
    RUNTIME_IN_PYTHON,  /* in files that are named python, and in the executable: by name, else by a search of their memory */
    RUNTIME_EXPORTED,   /* in any other file: by its dynamic symbols, as they lie in the memory of a live process */
    RUNTIME_NAMED,      /* in any other file: by all its symbols and sections */
    RUNTIME_IN_FILE,    /* in any other file: by a search of its memory */
    RUNTIME_IN_NO_FILE, /* in memory that belongs to no file: a library that was moved there to have large pages, a core without its files */
    RUNTIME_PLACES
};

/*
 * Adds the candidates of one place, best first; none is no error. further: a Python was found in a place before, so that only what costs
 * little is looked at: of a process no more files, of a core those that are large enough, and memory of no file only beside code of no file.
 * What is left out of a search because there is too much of it is told among the target's problems.
 */
struct spprof_error *runtime_find(struct spprof_target *target, const struct runtime_shape *shapes, size_t shape_count, enum runtime_place place,
                                  bool further, struct runtimes *runtimes);

/* Whether what lies there is a runtime by more than its name: it has the cookie, or an interpreter that leads back to it. */
bool runtime_is_alive(struct spprof_target *target, const struct runtime *runtime, const struct runtime_shape *shapes, size_t shape_count);

/* Whether any module has the symbol or the section: no memory is searched. */
bool runtime_is_named(struct spprof_target *target);

void runtime_list_free(struct runtimes *runtimes);

#endif
