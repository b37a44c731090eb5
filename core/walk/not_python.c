#include "walk/not_python.h"

#include "target/target.h"

struct spprof_error *not_python(struct spprof_target *target)
{
    const struct spprof_modules *modules;
    struct spprof_error *error = target_modules(target, &modules);
    if (error != NULL)
        return error;
    const char *what = target->kind == SPPROF_TARGET_CORE ? "core" : "process";
    return spprof_error_new(SPPROF_ERROR_NOT_PYTHON,
                            "no CPython interpreter was found in this %s: none of its %zu modules has the symbol _PyRuntime or memory that "
                            "looks like it. Is %s really a Python program, and not its launcher or shell? spprof reads CPython 3.9 and later%s",
                            what, modules->count, target->executable != NULL ? target->executable : "it",
                            target->budget.search_refused ? ". Not all of its memory was searched: the budget of searching is used up; --memory SIZE gives more" : "");
}
