/* The program headers of a core file: which memory is in it, and where. Nothing of them is believed. */
#ifndef SPPROF_TARGET_CORE_SEGMENTS_H
#define SPPROF_TARGET_CORE_SEGMENTS_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/error.h"

/* One PT_LOAD: a range of the process's memory. */
struct core_segment {
    uint64_t start, end; /* addresses */
    uint64_t offset;     /* in the core file */
    uint64_t dumped;     /* bytes from start on that the file holds, or held before it was truncated: p_filesz */
    bool readable, writable, executable;
};

struct core_note_segment {
    uint64_t offset, size; /* within the file */
};

enum { CORE_NOTE_SEGMENTS_MAX = 16 };

struct core_segments {
    struct core_segment *items; /* sorted by start; none reaches into the next */
    size_t count;
    struct core_note_segment notes[CORE_NOTE_SEGMENTS_MAX]; /* Linux writes one */
    size_t note_count;
    uint64_t whole_size; /* of the file, if it is not truncated */
    size_t senseless;    /* headers left out because their numbers cannot be; or because the file ends before them */
};

/* Reads the headers that the ELF header tells of; size is that of the file. Errors: NO_MEMORY, UNREADABLE. */
struct spprof_error *target_core_segments_read(int fd, uint64_t size, const Elf64_Ehdr *header, struct core_segments *segments);
void target_core_segments_free(struct core_segments *segments);

/* The index of the last segment that starts at or below address; count where there is none. */
size_t target_core_segments_below(const struct core_segments *segments, uint64_t address);

#endif
