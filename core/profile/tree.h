/* The call tree of a profile as the formats write it: threads folded into one or apart, callers before callees, the biggest first. */
#ifndef SPPROF_PROFILE_TREE_H
#define SPPROF_PROFILE_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "spprof/profile.h"

struct profile_tree_node {
    uint32_t place;  /* index in the profile; of a root: SPPROF_NONE */
    uint32_t parent; /* index in the tree; of a root: SPPROF_NONE */
    uint32_t depth;  /* of a root: 0 */
    uint32_t thread; /* index in the profile; SPPROF_NONE where threads are folded */
    uint64_t self, total;
};

struct profile_tree {
    struct profile_tree_node *nodes; /* in preorder: a node, then all that is below it */
    uint32_t count;
    uint32_t max_depth;
};

/* Folds all threads into one root, or keeps a root for each. A profile without threads gives no nodes. Errors: NO_MEMORY. */
struct spprof_error *profile_tree_make(struct profile_tree *tree, const struct spprof_profile *profile, bool by_threads);
void profile_tree_free(struct profile_tree *tree);

#endif
