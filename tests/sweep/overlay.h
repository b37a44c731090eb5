/* A target that shows another one, but for one word of its memory; and which memory was read of it. */
#ifndef TESTS_SWEEP_OVERLAY_H
#define TESTS_SWEEP_OVERLAY_H

#include "spprof/target.h"

/* Memory that was read: [address, address + size). */
struct read_range {
    uint64_t address, size;
};

struct read_ranges {
    struct read_range *items;
    size_t count, capacity;
};

struct overlay {
    struct spprof_target target; /* first: the operations get a pointer to it */
    struct spprof_target *under; /* borrowed */
    struct spprof_target_ops ops;
    uint64_t address, value;   /* the word that is another one; aligned, address 0: none */
    struct read_ranges *reads; /* where what is read is written down; NULL: nowhere */
};

void overlay_init(struct overlay *overlay, struct spprof_target *under);

/* Forgets the problems that were added; what lies under it stays open. */
void overlay_reset(struct overlay *overlay);

/* The word at an address as it is under the overlay. False: it cannot be read. */
bool overlay_word(struct overlay *overlay, uint64_t address, uint64_t *word);

/* Sorts what was read, each byte once, whole words. */
void read_ranges_merge(struct read_ranges *ranges);

#endif
