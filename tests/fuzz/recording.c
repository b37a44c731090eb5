#include "recording.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "spprof/sample.h"
#include "spprof/session.h"
#include "target/target.h"

enum { PAGE = 4096, SYMBOLS_MAX = 64, NAME_MAX_SIZE = 64 };

struct symbol {
    uint64_t module, address, size;
    char name[NAME_MAX_SIZE];
};

/* Stands before the target and notes what is asked of it. */
struct recorder {
    struct spprof_target target; /* first: the operations get a pointer to it */
    struct spprof_target *inner;
    uint64_t runtime; /* its place is told by a symbol, however it was found: no recording holds all memory that was searched */
    struct hot_range *hot;
    size_t hot_count, hot_capacity;
    struct symbol symbols[SYMBOLS_MAX];
    size_t symbol_count;
};

static void note_read(struct recorder *recorder, const struct spprof_range *range)
{
    if (recorder->hot_count == recorder->hot_capacity) {
        recorder->hot_capacity = recorder->hot_capacity * 2 + 1024;
        recorder->hot = reallocarray(recorder->hot, recorder->hot_capacity, sizeof *recorder->hot);
        if (recorder->hot == NULL)
            abort();
    }
    recorder->hot[recorder->hot_count++] = (struct hot_range){range->address, range->size};
}

static void record_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    struct recorder *recorder = (struct recorder *)target;
    recorder->inner->ops->read_many(recorder->inner, ranges, count);
    for (size_t i = 0; i < count; i++)
        if (ranges[i].status == SPPROF_READ_OK)
            note_read(recorder, &ranges[i]);
}

static struct spprof_error *record_threads(struct spprof_target *target, struct spprof_native_threads *threads)
{
    struct spprof_target *inner = ((struct recorder *)target)->inner;
    return inner->ops->threads(inner, threads);
}

static struct spprof_error *record_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    return target_modules(((struct recorder *)target)->inner, modules);
}

static struct spprof_error *look_up(struct recorder *recorder, const struct spprof_module *module, const char *name, uint64_t *address)
{
    bool inside = recorder->runtime >= module->start && recorder->runtime < module->end;
    if (strcmp(name, "_PyRuntime") != 0)
        return recorder->inner->ops->find_symbol(recorder->inner, module, name, address);
    if (!inside)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "_PyRuntime is not here");
    *address = recorder->runtime;
    return NULL;
}

static struct spprof_error *record_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address)
{
    struct recorder *recorder = (struct recorder *)target;
    const struct spprof_modules *modules;
    TRY(target_modules(recorder->inner, &modules));
    TRY(look_up(recorder, module, name, address));
    if (recorder->symbol_count < SYMBOLS_MAX) {
        struct symbol *symbol = &recorder->symbols[recorder->symbol_count++];
        *symbol = (struct symbol){.module = (uint64_t)(module - modules->items), .address = *address};
        snprintf(symbol->name, sizeof symbol->name, "%s", name);
    }
    return NULL;
}

static void close_recorder(struct spprof_target *target)
{
    (void)target;
}

static const struct spprof_target_ops recorder_ops = {
    .read_many = record_read_many,
    .threads = record_threads,
    .modules = record_modules,
    .find_symbol = record_find_symbol,
    .close = close_recorder,
};

static struct spprof_error *take(struct spprof_target *target, struct spprof_snapshot **snapshot)
{
    struct spprof_session *session;
    TRY(spprof_session_open(target, &session));
    struct spprof_error *error =
        spprof_snapshot_take(session, &(struct spprof_snapshot_options){.entries = true, .locals = true, .exceptions = true}, snapshot);
    spprof_session_close(session);
    return error;
}

static struct spprof_error *never_stop(struct spprof_target *target)
{
    (void)target;
    return NULL;
}

/* Samples it as if it ran: a sampler reads more than a snapshot does, names and bytecode above all. */
static struct spprof_error *sample(struct spprof_target *target)
{
    static const struct spprof_sample_options options = {.duration_s = 0.02, .rate_hz = 1000, .idle = true};
    const struct spprof_target_ops *ops = target->ops;
    struct spprof_target_ops running = *ops;
    struct spprof_sampler *sampler;
    volatile int ended = 0;
    TRY(spprof_sampler_new(target, &options, &sampler));
    running.stop = never_stop;
    target->ops = &running;
    struct spprof_error *error = spprof_sampler_run(sampler, &ended, NULL, NULL);
    spprof_sampler_free(sampler);
    target->ops = ops;
    return error;
}

static struct spprof_error *find_runtime(struct spprof_target *target, uint64_t *address)
{
    struct spprof_snapshot *snapshot;
    TRY(take(target, &snapshot));
    *address = snapshot->python.runtime;
    spprof_snapshot_free(snapshot);
    return NULL;
}

static int by_address(const void *left, const void *right)
{
    const struct hot_range *a = left, *b = right;
    return (a->address > b->address) - (a->address < b->address);
}

/* Sorts ranges and makes one of those that touch. Gives their number. */
static size_t merge(struct hot_range *ranges, size_t count)
{
    size_t merged = 0;
    qsort(ranges, count, sizeof *ranges, by_address);
    for (size_t i = 0; i < count; i++) {
        struct hot_range *last = merged > 0 ? &ranges[merged - 1] : NULL;
        if (last == NULL || ranges[i].address > last->address + last->size) {
            ranges[merged++] = ranges[i];
        } else {
            uint64_t end = ranges[i].address + ranges[i].size;
            if (end > last->address + last->size)
                last->size = end - last->address;
        }
    }
    return merged;
}

struct header {
    uint64_t magic, kind, architecture, pid, signal;
    uint64_t modules, symbols, threads, ranges, hot;
};

enum { MAGIC = 0x70707370 };

static void put(FILE *file, const void *bytes, size_t size)
{
    fwrite(bytes, 1, size, file);
}

static void put_modules(FILE *file, const struct spprof_modules *modules)
{
    for (size_t i = 0; i < modules->count; i++) {
        struct spprof_module module = modules->items[i];
        uint64_t length = strlen(module.path) + 1;
        put(file, &length, sizeof length);
        put(file, module.path, length);
        module.private_data = NULL;
        put(file, &module, sizeof module);
        put(file, module.mappings, module.mapping_count * sizeof *module.mappings);
    }
}

/* Reads page by page: the pages around those that were read are whole only as far as the target has them. */
static void put_ranges(FILE *file, struct spprof_target *target, const struct hot_range *ranges, size_t count)
{
    uint8_t page[PAGE];
    for (size_t i = 0; i < count; i++) {
        put(file, &ranges[i], sizeof ranges[i]);
        for (uint64_t at = 0; at < ranges[i].size; at += PAGE) {
            if (target_try_read(target, ranges[i].address + at, page, PAGE) != SPPROF_READ_OK)
                memset(page, 0, PAGE);
            put(file, page, PAGE);
        }
    }
}

static struct spprof_error *write_file(FILE *file, const struct recorder *recorder, struct hot_range *pages, size_t page_count)
{
    const struct spprof_target *inner = recorder->inner;
    const struct spprof_modules *modules;
    struct spprof_native_threads threads = {NULL, 0};
    TRY(target_modules(recorder->inner, &modules));
    TRY(inner->ops->threads(recorder->inner, &threads));
    struct header header = {
        MAGIC,         inner->kind, inner->architecture, (uint64_t)inner->pid, (uint64_t)inner->signal, modules->count, recorder->symbol_count,
        threads.count, page_count,  recorder->hot_count,
    };
    put(file, &header, sizeof header);
    put_modules(file, modules);
    put(file, recorder->symbols, recorder->symbol_count * sizeof *recorder->symbols);
    put(file, threads.items, threads.count * sizeof *threads.items);
    put_ranges(file, recorder->inner, pages, page_count);
    put(file, recorder->hot, recorder->hot_count * sizeof *recorder->hot);
    spprof_native_threads_free(&threads);
    return NULL;
}

static struct spprof_error *file_error(const char *path, const char *what)
{
    return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s: %s: %s", path, what, strerror(errno));
}

static struct spprof_error *write_recording(struct recorder *recorder, const char *path)
{
    CLEANUP_FREE struct hot_range *pages = reallocarray(NULL, recorder->hot_count + 1, sizeof *pages);
    FILE *file = fopen(path, "wb");
    if (pages == NULL || file == NULL)
        return file_error(path, "opening it");
    recorder->hot_count = merge(recorder->hot, recorder->hot_count);
    for (size_t i = 0; i < recorder->hot_count; i++) {
        uint64_t start = recorder->hot[i].address / PAGE * PAGE, end = recorder->hot[i].address + recorder->hot[i].size;
        pages[i] = (struct hot_range){start, (end - start + PAGE - 1) / PAGE * PAGE};
    }
    struct spprof_error *error = write_file(file, recorder, pages, merge(pages, recorder->hot_count));
    bool written = !ferror(file);
    if ((fclose(file) != 0 || !written) && error == NULL)
        error = file_error(path, "writing it");
    return error;
}

struct spprof_error *recording_write(struct spprof_target *target, const char *path)
{
    struct recorder recorder = {.target = *target, .inner = target};
    struct spprof_snapshot *snapshot;
    recorder.target.ops = &recorder_ops;
    recorder.target.problems = (struct spprof_problems){0};
    TRY(find_runtime(target, &recorder.runtime));
    struct spprof_error *error = take(&recorder.target, &snapshot);
    if (error == NULL) {
        spprof_snapshot_free(snapshot);
        error = sample(&recorder.target);
    }
    spprof_problems_free(&recorder.target.problems);
    if (error == NULL)
        error = write_recording(&recorder, path);
    free(recorder.hot);
    return error;
}

/* Ends the process at the end of the file: a recording is the test's own. */
static void get(FILE *file, void *bytes, size_t size)
{
    if (fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "the recording ends early\n");
        exit(2);
    }
}

static void *get_new(FILE *file, size_t count, size_t size)
{
    void *items = calloc(count + 1, size);
    if (items == NULL)
        abort();
    get(file, items, count * size);
    return items;
}

static void get_modules(FILE *file, struct spprof_modules *modules)
{
    for (size_t i = 0; i < modules->count; i++) {
        uint64_t length;
        get(file, &length, sizeof length);
        char *path = get_new(file, length, 1);
        struct spprof_module *module = &modules->items[i];
        get(file, module, sizeof *module);
        module->path = path;
        module->mappings = get_new(file, module->mapping_count, sizeof *module->mappings);
    }
}

static const struct spprof_image_symbol *get_symbols(FILE *file, size_t count)
{
    struct symbol *stored = get_new(file, count, sizeof *stored);
    struct spprof_image_symbol *symbols = calloc(count + 1, sizeof *symbols);
    if (symbols == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        symbols[i] = (struct spprof_image_symbol){(size_t)stored[i].module, stored[i].name, stored[i].address, stored[i].size};
    return symbols;
}

static void get_ranges(FILE *file, struct recording *recording)
{
    for (size_t i = 0; i < recording->image.range_count; i++) {
        struct hot_range range;
        get(file, &range, sizeof range);
        void *bytes = get_new(file, range.size, 1);
        recording->ranges[i] = (struct spprof_image_range){.address = range.address, .size = range.size, .bytes = bytes};
    }
}

struct spprof_error *recording_read(const char *path, struct recording *recording)
{
    struct header header;
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return file_error(path, "opening it");
    get(file, &header, sizeof header);
    if (header.magic != MAGIC) {
        fclose(file);
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "%s is no recording", path);
    }
    *recording = (struct recording){.image = {.kind = (enum spprof_target_kind)header.kind,
                                              .architecture = (enum spprof_architecture)header.architecture,
                                              .pid = (int64_t)header.pid,
                                              .signal = (int)header.signal,
                                              .range_count = header.ranges,
                                              .symbol_count = header.symbols},
                                    .hot_count = header.hot};
    recording->image.modules = (struct spprof_modules){calloc(header.modules + 1, sizeof(struct spprof_module)), header.modules};
    recording->ranges = calloc(header.ranges + 1, sizeof *recording->ranges);
    if (recording->image.modules.items == NULL || recording->ranges == NULL)
        abort();
    get_modules(file, &recording->image.modules);
    recording->image.symbols = get_symbols(file, header.symbols);
    recording->image.threads.items = get_new(file, header.threads, sizeof *recording->image.threads.items);
    recording->image.threads.count = header.threads;
    get_ranges(file, recording);
    recording->image.ranges = recording->ranges;
    recording->hot = get_new(file, header.hot, sizeof *recording->hot);
    fclose(file);
    return NULL;
}

uint8_t *recording_bytes(const struct recording *recording, uint64_t address, size_t size)
{
    size_t low = 0, high = recording->image.range_count;
    while (low < high) { /* the first range that ends behind address */
        size_t middle = (low + high) / 2;
        const struct spprof_image_range *range = &recording->ranges[middle];
        if (range->address + range->size <= address)
            low = middle + 1;
        else
            high = middle;
    }
    const struct spprof_image_range *range = &recording->ranges[low];
    if (low == recording->image.range_count || address < range->address || size > range->size - (address - range->address))
        return NULL;
    return (uint8_t *)(uintptr_t)range->bytes + (address - range->address);
}
