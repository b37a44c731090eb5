#include "spprof/image.h"

#include <stdlib.h>
#include <string.h>

#include "target/target.h"

struct image_target {
    struct spprof_target target; /* first: the operations get a pointer to it */
    const struct spprof_image *image;
};

static const struct spprof_image *image_of(const struct spprof_target *target)
{
    return ((const struct image_target *)target)->image;
}

static const struct spprof_image_range *range_at(const struct spprof_image *image, uint64_t address)
{
    for (size_t i = 0; i < image->range_count; i++)
        if (address >= image->ranges[i].address && address - image->ranges[i].address < image->ranges[i].size)
            return &image->ranges[i];
    return NULL;
}

/* How many bytes from an address on are those of a range: an earlier one that begins in it counts first. */
static size_t piece_of(const struct spprof_image *image, const struct spprof_image_range *range, uint64_t address)
{
    size_t piece = range->size - (size_t)(address - range->address);
    for (const struct spprof_image_range *earlier = image->ranges; earlier < range; earlier++)
        if (earlier->size > 0 && earlier->address > address && earlier->address - address < piece)
            piece = (size_t)(earlier->address - address);
    return piece;
}

static enum spprof_read_status read_range(const struct spprof_image *image, uint64_t address, uint8_t *buffer, size_t size)
{
    while (size > 0) {
        const struct spprof_image_range *range = range_at(image, address);
        if (range == NULL)
            return SPPROF_READ_UNMAPPED;
        if (range->bytes == NULL)
            return range->status;
        size_t within = (size_t)(address - range->address);
        size_t piece = piece_of(image, range, address);
        if (piece > size)
            piece = size;
        memcpy(buffer, (const uint8_t *)range->bytes + within, piece);
        address += piece;
        buffer += piece;
        size -= piece;
    }
    return SPPROF_READ_OK;
}

static void image_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    const struct spprof_image *image = image_of(target);
    if (image->before_read != NULL)
        image->before_read(image->context, ranges, count);
    for (size_t i = 0; i < count; i++)
        ranges[i].status = read_range(image, ranges[i].address, ranges[i].buffer, ranges[i].size);
}

static struct spprof_error *image_threads(struct spprof_target *target, struct spprof_native_threads *threads)
{
    const struct spprof_native_threads *from = &image_of(target)->threads;
    *threads = (struct spprof_native_threads){.items = calloc(from->count == 0 ? 1 : from->count, sizeof *from->items)};
    if (threads->items == NULL)
        return spprof_error_no_memory();
    if (from->count > 0)
        memcpy(threads->items, from->items, from->count * sizeof *from->items);
    threads->count = from->count;
    return NULL;
}

static struct spprof_error *image_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    *modules = &image_of(target)->modules;
    return NULL;
}

static struct spprof_error *image_regions(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count)
{
    *regions = image_of(target)->regions;
    *count = image_of(target)->region_count;
    return NULL;
}

static const struct spprof_image_symbol *find(const struct spprof_image *image, const struct spprof_module *module, const char *name, bool is_section)
{
    for (size_t i = 0; i < image->symbol_count; i++) {
        const struct spprof_image_symbol *symbol = &image->symbols[i];
        if (module == &image->modules.items[symbol->module] && (symbol->size > 0) == is_section && strcmp(symbol->name, name) == 0)
            return symbol;
    }
    return NULL;
}

static struct spprof_error *image_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address)
{
    const struct spprof_image_symbol *symbol = find(image_of(target), module, name, false);
    if (symbol == NULL)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s defines no symbol %s", module->path, name);
    *address = symbol->address;
    return NULL;
}

static struct spprof_error *image_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address,
                                               uint64_t *size)
{
    const struct spprof_image_symbol *section = find(image_of(target), module, name, true);
    if (section == NULL)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s has no section %s", module->path, name);
    *address = section->address;
    *size = section->size;
    return NULL;
}

static void image_close(struct spprof_target *target)
{
    free(target);
}

static const struct spprof_target_ops image_ops = {
    .read_many = image_read_many,
    .threads = image_threads,
    .modules = image_modules,
    .regions = image_regions,
    .find_symbol = image_find_symbol,
    .find_section = image_find_section,
    .close = image_close,
};

struct spprof_error *spprof_image_open(const struct spprof_image *image, struct spprof_target **target)
{
    *target = NULL;
    struct image_target *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return spprof_error_no_memory();
    opened->image = image;
    opened->target = (struct spprof_target){
        .ops = &image_ops,
        .kind = image->kind,
        .architecture = image->architecture,
        .pointer_size = image->pointer_size == 0 ? 8 : image->pointer_size,
        .long_size = image->long_size == 0 ? 8 : image->long_size,
        .pid = image->pid,
        .executable = image->executable == NULL ? NULL : strdup(image->executable),
        .signal = image->signal,
    };
    if (image->executable != NULL && opened->target.executable == NULL) {
        free(opened);
        return spprof_error_no_memory();
    }
    *target = &opened->target;
    return NULL;
}
