#include "target/core_file/core_segments.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "target/read_at.h"

enum { HEADERS_MAX = 1 << 22 }; /* some sixty times what Linux lets a process map by default */

/* The number of headers; from the first section header where 16 bits do not hold it. */
static uint64_t header_count(int fd, const Elf64_Ehdr *header)
{
    Elf64_Shdr extended;
    if (header->e_phnum != PN_XNUM)
        return header->e_phnum;
    return target_read_at(fd, header->e_shoff, &extended, sizeof extended) ? extended.sh_info : PN_XNUM;
}

static int compare_segments(const void *a, const void *b)
{
    const struct core_segment *left = a;
    const struct core_segment *right = b;
    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    return (left->offset > right->offset) - (left->offset < right->offset);
}

static bool is_sorted(const struct core_segments *segments)
{
    for (size_t i = 1; i < segments->count; i++)
        if (compare_segments(&segments->items[i - 1], &segments->items[i]) > 0)
            return false;
    return true;
}

/* Overlaps stand in no honest core. What reaches into the next segment is cut off, so that one binary search finds every address. */
static void cut_overlaps(struct core_segments *segments)
{
    for (size_t i = 0; i + 1 < segments->count; i++) {
        struct core_segment *segment = &segments->items[i];
        if (segment->end <= segments->items[i + 1].start)
            continue;
        segment->end = segments->items[i + 1].start;
        if (segment->dumped > segment->end - segment->start)
            segment->dumped = segment->end - segment->start;
        segments->senseless++;
    }
}

static void add_note_segment(struct core_segments *segments, const Elf64_Phdr *header, uint64_t size)
{
    if (header->p_offset >= size || segments->note_count == CORE_NOTE_SEGMENTS_MAX)
        return;
    uint64_t available = size - header->p_offset;
    segments->notes[segments->note_count++] = (struct core_note_segment){
        .offset = header->p_offset,
        .size = header->p_filesz < available ? header->p_filesz : available,
    };
}

static void add_segment(struct core_segments *segments, const Elf64_Phdr *header)
{
    if (header->p_memsz == 0)
        return;
    segments->items[segments->count++] = (struct core_segment){
        .start = header->p_vaddr,
        .end = header->p_vaddr + header->p_memsz,
        .offset = header->p_offset,
        .dumped = header->p_filesz < header->p_memsz ? header->p_filesz : header->p_memsz,
        .readable = (header->p_flags & PF_R) != 0,
        .writable = (header->p_flags & PF_W) != 0,
        .executable = (header->p_flags & PF_X) != 0,
    };
}

static void add_header(struct core_segments *segments, const Elf64_Phdr *header, uint64_t size)
{
    if (header->p_type != PT_LOAD && header->p_type != PT_NOTE)
        return;
    if (header->p_filesz > UINT64_MAX - header->p_offset || header->p_memsz > UINT64_MAX - header->p_vaddr) {
        segments->senseless++;
        return;
    }
    if (header->p_filesz > 0 && header->p_offset + header->p_filesz > segments->whole_size)
        segments->whole_size = header->p_offset + header->p_filesz;
    if (header->p_type == PT_NOTE)
        add_note_segment(segments, header, size);
    else
        add_segment(segments, header);
}

/* In pieces: a damaged core may tell of millions. */
static struct spprof_error *read_headers(int fd, uint64_t size, uint64_t start, uint64_t count, struct core_segments *segments)
{
    enum { PIECE = 256 };
    Elf64_Phdr piece[PIECE];
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = count - i < PIECE ? count - i : PIECE;
        if (i % PIECE == 0 && !target_read_at(fd, start + i * sizeof *piece, piece, (size_t)left * sizeof *piece))
            return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot read the program headers of the core file: %s", target_read_at_reason(errno));
        add_header(segments, &piece[i % PIECE], size);
    }
    return NULL;
}

struct spprof_error *target_core_segments_read(int fd, uint64_t size, const Elf64_Ehdr *header, struct core_segments *segments)
{
    *segments = (struct core_segments){0};
    uint64_t count = header_count(fd, header);
    uint64_t there = header->e_phoff < size ? (size - header->e_phoff) / sizeof(Elf64_Phdr) : 0;
    if (there > HEADERS_MAX)
        there = HEADERS_MAX;
    if (count > there) {
        segments->senseless = (size_t)(count - there);
        count = there;
    }
    segments->items = calloc(count == 0 ? 1 : (size_t)count, sizeof *segments->items);
    if (segments->items == NULL)
        return spprof_error_no_memory();
    TRY(read_headers(fd, size, header->e_phoff, count, segments));
    if (!is_sorted(segments))
        qsort(segments->items, segments->count, sizeof *segments->items, compare_segments);
    cut_overlaps(segments);
    return NULL;
}

void target_core_segments_free(struct core_segments *segments)
{
    free(segments->items);
    *segments = (struct core_segments){0};
}

size_t target_core_segments_below(const struct core_segments *segments, uint64_t address)
{
    size_t low = 0;
    size_t high = segments->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (segments->items[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? segments->count : low - 1;
}
