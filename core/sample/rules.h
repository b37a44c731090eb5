/*
 * The rules by which stacks of a target that runs are put together, by name: README.md says what each is for. A build with
 * -DSPPROF_ABLATION can switch them off, by SPPROF_ABLATE=NAME,NAME in its environment, so that tests/bench/sample ablate shows what each of
 * them buys; in every other build they are constants.
 */
#ifndef SPPROF_SAMPLE_RULES_H
#define SPPROF_SAMPLE_RULES_H

#include <stdbool.h>

/* clang-format off */
#define RULES(X) \
    X(HEIGHT) \
    X(COMES_OR_GOES) \
    X(TRACED) \
    X(ENTERED) \
    X(RESUMED) \
    X(HAS_LEFT) \
    X(MENTIONS) \
    X(LOST) \
    X(KEEPS_STANDING) \
    X(PLAIN) \
    X(MAY_STAND) \
    X(WITNESS) \
    X(PROVES) \
    X(INSTANCE) \
    X(ROOT) \
    X(SILENT_ENDS) \
    X(TRIES_AGAIN) \
    X(MEETS) \
    X(LEAF) \
    X(PATHS) \
    X(SAME_PLACE) \
    X(LEAF_SLOTS) \
    X(RESUMERS) \
    X(C_CALLER) \
    X(BY_INSTRUCTION) \
    X(LEAVES_DEAD) \
    X(CHECKS_CODES)
/* clang-format on */

enum rule {
#define X(name) RULE_##name,
    RULES(X)
#undef X
};

#ifdef SPPROF_ABLATION
bool rule_is_on(enum rule rule);
#define RULE(name) rule_is_on(RULE_##name)
#else
#define RULE(name) true
#endif

#endif
