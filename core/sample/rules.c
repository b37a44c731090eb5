#include "sample/rules.h"

#ifdef SPPROF_ABLATION
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define X(name) #name,
    RULES(X)
#undef X
};

enum { COUNT = sizeof names / sizeof *names };

static void switch_off(uint64_t *off, const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        *off |= UINT64_C(1) << i;
        return;
    }
    fprintf(stderr, "SPPROF_ABLATE: no rule is called %s\n", name);
    exit(2);
}

static uint64_t read_off(void)
{
    const char *list = getenv("SPPROF_ABLATE");
    char *copy = list != NULL ? strdup(list) : NULL, *rest = NULL;
    uint64_t off = 0;
    for (char *name = copy != NULL ? strtok_r(copy, ",", &rest) : NULL; name != NULL; name = strtok_r(NULL, ",", &rest))
        switch_off(&off, name);
    free(copy);
    return off;
}

bool rule_is_on(enum rule rule)
{
    static uint64_t off;
    static bool known;
    if (!known)
        off = read_off();
    known = true;
    return (off >> rule & 1) == 0;
}
#else
/* ISO C has no empty translation unit. */
enum { RULES_ARE_CONSTANT = true };
#endif
