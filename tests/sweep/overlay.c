#include "overlay.h"

#include <stdlib.h>
#include <string.h>

#include "target/target.h"

static struct overlay *overlay_of(struct spprof_target *target)
{
    return (struct overlay *)target;
}

static void write_down(struct read_ranges *reads, uint64_t address, uint64_t size)
{
    if (reads->count == reads->capacity) {
        reads->capacity = reads->capacity == 0 ? 1024 : reads->capacity * 2;
        reads->items = reallocarray(reads->items, reads->capacity, sizeof *reads->items);
        if (reads->items == NULL)
            abort();
    }
    reads->items[reads->count++] = (struct read_range){address, size};
}

/* Puts those bytes of the other word that lie in a range into its buffer. */
static void patch(const struct overlay *overlay, const struct spprof_range *range)
{
    for (uint64_t i = 0; i < sizeof overlay->value; i++) {
        uint64_t address = overlay->address + i;
        if (address >= range->address && address - range->address < range->size)
            memcpy((uint8_t *)range->buffer + (address - range->address), (const uint8_t *)&overlay->value + i, 1);
    }
}

static void overlay_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    struct overlay *overlay = overlay_of(target);
    target_read_many(overlay->under, ranges, count);
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].status != SPPROF_READ_OK)
            continue;
        if (overlay->reads != NULL)
            write_down(overlay->reads, ranges[i].address, ranges[i].size);
        if (overlay->address != 0)
            patch(overlay, &ranges[i]);
    }
}

static struct spprof_error *overlay_threads(struct spprof_target *target, struct spprof_native_threads *threads)
{
    return overlay_of(target)->under->ops->threads(overlay_of(target)->under, threads);
}

static struct spprof_error *overlay_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    return target_modules(overlay_of(target)->under, modules);
}

static struct spprof_error *overlay_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address)
{
    return overlay_of(target)->under->ops->find_symbol(overlay_of(target)->under, module, name, address);
}

static struct spprof_error *overlay_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name,
                                                 uint64_t *address, uint64_t *size)
{
    return overlay_of(target)->under->ops->find_section(overlay_of(target)->under, module, name, address, size);
}

static struct spprof_error *overlay_open_module(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    return overlay_of(target)->under->ops->open_module(overlay_of(target)->under, module, fd);
}

static struct spprof_error *overlay_open_file(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    return overlay_of(target)->under->ops->open_file(overlay_of(target)->under, path, fd, started_at);
}

void overlay_init(struct overlay *overlay, struct spprof_target *under)
{
    *overlay = (struct overlay){.target = *under, .under = under};
    overlay->ops = (struct spprof_target_ops){
        .read_many = overlay_read_many,
        .threads = under->ops->threads == NULL ? NULL : overlay_threads,
        .modules = overlay_modules,
        .find_symbol = under->ops->find_symbol == NULL ? NULL : overlay_find_symbol,
        .find_section = under->ops->find_section == NULL ? NULL : overlay_find_section,
        .open_module = under->ops->open_module == NULL ? NULL : overlay_open_module,
        .open_file = under->ops->open_file == NULL ? NULL : overlay_open_file,
    };
    overlay->target.ops = &overlay->ops;
    overlay->target.problems = (struct spprof_problems){NULL, 0};
}

void overlay_reset(struct overlay *overlay)
{
    spprof_problems_free(&overlay->target.problems);
    overlay->target.problems = (struct spprof_problems){NULL, 0};
    overlay->address = 0;
}

bool overlay_word(struct overlay *overlay, uint64_t address, uint64_t *word)
{
    return target_try_read(overlay->under, address, word, sizeof *word) == SPPROF_READ_OK;
}

static int by_address(const void *left, const void *right)
{
    const struct read_range *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

void read_ranges_merge(struct read_ranges *ranges)
{
    size_t kept = 0;
    for (size_t i = 0; i < ranges->count; i++) {
        struct read_range *range = &ranges->items[i];
        uint64_t start = range->address & ~UINT64_C(7), end = (range->address + range->size + 7) & ~UINT64_C(7);
        *range = (struct read_range){start, end - start};
    }
    if (ranges->count > 0)
        qsort(ranges->items, ranges->count, sizeof *ranges->items, by_address);
    for (size_t i = 0; i < ranges->count; i++) {
        const struct read_range range = ranges->items[i];
        struct read_range *last = &ranges->items[kept - (kept > 0)];
        if (kept > 0 && range.address <= last->address + last->size) {
            if (range.address + range.size > last->address + last->size)
                last->size = range.address + range.size - last->address;
        } else {
            ranges->items[kept++] = range;
        }
    }
    ranges->count = kept;
}
