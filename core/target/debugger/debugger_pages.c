#include "target/debugger/debugger_pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
    PAGE = 4096,         /* the smallest unit of a mapping */
    RUN = 16,            /* pages of one call */
    PAGES_MAX = 1 << 14, /* that are kept */
    RANGE_MAX = 1 << 20, /* bytes; a larger range is read past the pages */
};

struct debugger_page {
    bool whole; /* false: not there, or not whole, and bytes has none */
    uint8_t bytes[];
};

void target_debugger_pages_clear(struct debugger_pages *pages)
{
    size_t cursor = 0;
    for (const struct hash_entry *entry; (entry = base_hash_table_each(&pages->by_address, &cursor)) != NULL;)
        free(entry->item);
    base_hash_table_free(&pages->by_address);
}

static bool ask(struct debugger_pages *pages, uint64_t address, void *buffer, size_t size)
{
    pages->calls++;
    return pages->read(pages->context, address, buffer, size);
}

/* Keeps a page, where there is memory for it; bytes NULL: it cannot be read. */
static void keep(struct debugger_pages *pages, uint64_t address, const uint8_t *bytes)
{
    size_t size = bytes != NULL ? PAGE : 0;
    if (base_hash_table_item(&pages->by_address, address) != NULL || !base_hash_table_reserve(&pages->by_address))
        return;
    struct debugger_page *page = malloc(sizeof *page + size);
    if (page == NULL)
        return;
    page->whole = bytes != NULL;
    if (bytes != NULL)
        memcpy(page->bytes, bytes, size);
    base_hash_table_add(&pages->by_address, address)->item = page;
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
            if (base_hash_table_item(&pages->by_address, first + j * PAGE) == NULL)
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
    if (pages->by_address.count + wanted > PAGES_MAX)
        target_debugger_pages_clear(pages);
    CLEANUP_FREE uint64_t *addresses = wanted > 0 && wanted <= PAGES_MAX ? malloc(wanted * sizeof *addresses) : NULL;
    if (addresses == NULL)
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
    if (pages_of(range) == 0)
        return false;
    while (done < range->size) {
        uint64_t at = range->address + done;
        size_t within = (size_t)(at % PAGE), piece = PAGE - within;
        const struct debugger_page *page = base_hash_table_item(&pages->by_address, at - within);
        if (page == NULL || !page->whole)
            return false;
        if (piece > range->size - done)
            piece = range->size - done;
        memcpy((uint8_t *)range->buffer + done, page->bytes + within, piece);
        done += piece;
    }
    return true;
}

void target_debugger_pages_read(struct debugger_pages *pages, struct spprof_range *ranges, size_t count)
{
    fetch(pages, ranges, count);
    for (size_t i = 0; i < count; i++) {
        /* A page that is there in part is asked for exactly what is wanted of it. */
        bool read = copy_out(pages, &ranges[i]) || (!pages->zeros_are_holes && ask(pages, ranges[i].address, ranges[i].buffer, ranges[i].size));
        ranges[i].status = read ? SPPROF_READ_OK : SPPROF_READ_UNMAPPED;
    }
}
