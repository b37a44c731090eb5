#include "target/debugger/debugger_pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
    PAGE = 4096,          /* the smallest unit of a mapping */
    RUN = 16,             /* pages of one call */
    SLOTS = 1 << 15,
    PAGES_MAX = 1 << 14,  /* that are kept */
    RANGE_MAX = 1 << 20,  /* bytes; a larger range is read past the pages */
};

struct debugger_page {
    uint64_t address;
    uint8_t *bytes; /* owned; NULL: not there, or not whole */
    bool used;
};

static struct debugger_page *slot_of(const struct debugger_pages *pages, uint64_t address)
{
    size_t index = (size_t)((address / PAGE * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % SLOTS;
    while (pages->slots[index].used && pages->slots[index].address != address)
        index = (index + 1) % SLOTS; /* ends: half of the slots are empty */
    return &pages->slots[index];
}

void debugger_pages_clear(struct debugger_pages *pages)
{
    for (size_t i = 0; pages->slots != NULL && i < SLOTS; i++)
        free(pages->slots[i].bytes);
    free(pages->slots);
    pages->slots = NULL;
    pages->count = 0;
}

static bool ask(struct debugger_pages *pages, uint64_t address, void *buffer, size_t size)
{
    pages->calls++;
    return pages->read(pages->context, address, buffer, size);
}

/* Keeps a page; bytes NULL: it cannot be read. */
static void keep(struct debugger_pages *pages, uint64_t address, const uint8_t *bytes)
{
    struct debugger_page *slot = slot_of(pages, address);
    if (slot->used)
        return;
    *slot = (struct debugger_page){.address = address, .bytes = bytes != NULL ? malloc(PAGE) : NULL, .used = true};
    if (slot->bytes != NULL)
        memcpy(slot->bytes, bytes, PAGE);
    pages->count++;
}

static bool is_believed(const struct debugger_pages *pages, const uint8_t *page)
{
    return !pages->zeros_are_holes || page[0] != 0 || memcmp(page, page + 1, PAGE - 1) != 0;
}

static void fetch_run(struct debugger_pages *pages, uint64_t address, size_t count)
{
    uint8_t bytes[RUN * PAGE];
    bool whole = ask(pages, address, bytes, count * PAGE);
    for (size_t i = 0; i < count; i++) {
        bool there = whole || (count > 1 && ask(pages, address + i * PAGE, bytes + i * PAGE, PAGE));
        keep(pages, address + i * PAGE, there && is_believed(pages, bytes + i * PAGE) ? bytes + i * PAGE : NULL);
    }
}

static int by_address(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static size_t pages_of(const struct spprof_range *range)
{
    if (range->size == 0 || range->size > RANGE_MAX)
        return 0;
    return (size_t)((range->address + range->size - 1) / PAGE - range->address / PAGE + 1);
}

/* The addresses of the pages that the ranges need and that are not there, in order; several times where several ranges need them. */
static size_t list_missing(const struct debugger_pages *pages, const struct spprof_range *ranges, size_t count, uint64_t *addresses)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t first = ranges[i].address / PAGE * PAGE;
        for (size_t j = 0; j < pages_of(&ranges[i]); j++)
            if (!slot_of(pages, first + j * PAGE)->used)
                addresses[missing++] = first + j * PAGE;
    }
    qsort(addresses, missing, sizeof *addresses, by_address);
    return missing;
}

static void fetch(struct debugger_pages *pages, const struct spprof_range *ranges, size_t count)
{
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++)
        wanted += pages_of(&ranges[i]);
    if (pages->count + wanted > PAGES_MAX)
        debugger_pages_clear(pages);
    if (pages->slots == NULL)
        pages->slots = calloc(SLOTS, sizeof *pages->slots);
    CLEANUP_FREE uint64_t *addresses = wanted > 0 && wanted <= PAGES_MAX ? malloc(wanted * sizeof *addresses) : NULL;
    if (pages->slots == NULL || addresses == NULL)
        return; /* then all is read past the pages */
    size_t missing = list_missing(pages, ranges, count, addresses);
    for (size_t i = 0; i < missing;) {
        uint64_t start = addresses[i], end = start + PAGE;
        while (++i < missing && addresses[i] <= end && addresses[i] < start + RUN * PAGE)
            end = addresses[i] + PAGE;
        fetch_run(pages, start, (size_t)(end - start) / PAGE);
    }
}

static bool copy_out(const struct debugger_pages *pages, const struct spprof_range *range)
{
    size_t done = 0;
    if (pages->slots == NULL || pages_of(range) == 0)
        return false;
    while (done < range->size) {
        uint64_t at = range->address + done;
        size_t within = (size_t)(at % PAGE), piece = PAGE - within;
        const struct debugger_page *page = slot_of(pages, at - within);
        if (!page->used || page->bytes == NULL)
            return false;
        if (piece > range->size - done)
            piece = range->size - done;
        memcpy((uint8_t *)range->buffer + done, page->bytes + within, piece);
        done += piece;
    }
    return true;
}

void debugger_pages_read(struct debugger_pages *pages, struct spprof_range *ranges, size_t count)
{
    fetch(pages, ranges, count);
    for (size_t i = 0; i < count; i++) {
        /* A page that is there in part is asked for exactly what is wanted of it. */
        bool read = copy_out(pages, &ranges[i]) ||
                    (!pages->zeros_are_holes && ask(pages, ranges[i].address, ranges[i].buffer, ranges[i].size));
        ranges[i].status = read ? SPPROF_READ_OK : SPPROF_READ_UNMAPPED;
    }
}
