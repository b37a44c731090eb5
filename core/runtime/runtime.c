#include "runtime/runtime.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/budget.h"
#include "target/elf/elf_memory.h"
#include "target/target.h"

enum {
    PIECE = 1 << 16,         /* memory is searched in pieces of this size */
    OVERLAP = 1 << 10,       /* a runtime that begins at the end of one piece is found whole in the next */
    SEARCH_MAX = 1 << 28,    /* bytes of one mapping */
    SEARCH_TOTAL = 1 << 30,  /* bytes of one place, */
    SEARCH_REMOTE = 1 << 26, /* and of a process that is read through a debugger, some ten times as slowly */
    RUNTIMES_MAX = 64,
    PAGE = 4096,
    READ_COST = 1 << 10, /* so many bytes could be searched instead of one small read */
    ZEROS_COST = PIECE / 8,
    PYTHON_MIN = 1 << 20, /* bytes of address space: the smallest builds of CPython 3.9 and later take more than twice that, and this for code */
    DATA_MAX = 1 << 26,   /* bytes of a library's data, and of what has become one mapping with them */
    GAP_MAX = 1 << 22,    /* bytes between the segments of a library */
};

/* Include/internal/pycore_debug_offsets.h, 3.13 to 3.15: cookie, version, free_threaded. */
struct debug_offsets_head {
    char cookie[8];
    uint64_t version, free_threaded;
};

static const char cookie[8] = {'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'};

void runtime_list_free(struct runtimes *runtimes)
{
    free(runtimes->items);
    *runtimes = (struct runtimes){NULL, 0};
}

static const char *base_name(const struct spprof_module *module)
{
    const char *slash = strrchr(module->path, '/');
    return slash != NULL ? slash + 1 : module->path;
}

/* "python3.11", "libpython3.11.so.1.0"; not an extension module, "_json.cpython-311-x86_64-linux-gnu.so". */
static bool named_python(const struct spprof_module *module)
{
    const char *name = base_name(module);
    return strncmp(name, "python", 6) == 0 || strncmp(name, "libpython", 9) == 0;
}

/* "libpython3.9.so.1.0", "python3.10": a hint, for no better word on 3.9 and 3.10 is in the memory around _PyRuntime. */
static uint32_t version_from_name(const struct spprof_module *module)
{
    const char *at = strstr(base_name(module), "python3.");
    if (at == NULL || !isdigit((unsigned char)at[8]))
        return 0;
    unsigned long minor = strtoul(at + 8, NULL, 10);
    return minor < 256 ? 0x03000000u | (uint32_t)minor << 16 : 0;
}

/* Py_Version (3.11 and later, Python/getversion.c) is a constant beside the runtime. */
static uint32_t version_from_symbol(struct spprof_target *target, const struct spprof_module *module)
{
    uint64_t address, version = 0;
    struct spprof_error *error = target->ops->find_symbol(target, module, "Py_Version", &address);
    bool read = error == NULL && target_try_read(target, address, &version, target->long_size) == SPPROF_READ_OK;
    spprof_error_free(error);
    return read && version >> 24 == 3 && version <= UINT32_MAX ? (uint32_t)version : 0;
}

static struct spprof_error *add(struct runtimes *runtimes, const struct runtime *runtime)
{
    for (size_t i = 0; i < runtimes->count; i++)
        if (runtimes->items[i].address == runtime->address)
            return NULL;
    if (runtimes->count >= RUNTIMES_MAX)
        return NULL;
    if (!ARRAY_RESIZE(runtimes->items, runtimes->count + 1))
        return spprof_error_no_memory();
    runtimes->items[runtimes->count++] = *runtime;
    return NULL;
}

/* Fills in what the memory at a candidate says of itself; false where nothing of it can be read. */
static bool look_at(struct spprof_target *target, struct runtime *runtime)
{
    struct debug_offsets_head head;
    if (target_try_read(target, runtime->address, &head, sizeof head) != SPPROF_READ_OK)
        return false;
    if (memcmp(head.cookie, cookie, sizeof cookie) == 0 && head.version >> 24 == 3 && head.version <= UINT32_MAX) {
        runtime->has_debug_offsets = true;
        runtime->version = (uint32_t)head.version;
        runtime->free_threaded = head.free_threaded != 0;
    }
    return true;
}

/* Include/internal/pycore_debug_offsets.h of 3.15, and its forerunners from 3.10 on: ELF, Mach-O, and PE, which keeps eight bytes of a name. */
static const struct runtime_section {
    const char *name, *how;
} runtime_sections[] = {
    {".PyRuntime", "section .PyRuntime"},
    {"PyRuntime", "section PyRuntime"},
    {"PyRuntim", "section PyRuntim"},
};

static bool find_section(struct spprof_target *target, struct runtime *runtime)
{
    uint64_t size;
    for (size_t i = 0; target->ops->find_section != NULL && i < sizeof runtime_sections / sizeof *runtime_sections; i++) {
        struct spprof_error *error = target->ops->find_section(target, runtime->module, runtime_sections[i].name, &runtime->address, &size);
        runtime->how = runtime_sections[i].how;
        if (error == NULL)
            return true;
        spprof_error_free(error);
    }
    return false;
}

/* The runtime that a module's symbol table or section table names. */
static struct spprof_error *look_up(struct spprof_target *target, const struct spprof_module *module, struct runtimes *runtimes)
{
    struct runtime runtime = {.module = module, .how = "symbol _PyRuntime"};
    struct spprof_error *error = target->ops->find_symbol(target, module, "_PyRuntime", &runtime.address);
    bool named = error == NULL || find_section(target, &runtime);
    spprof_error_free(error);
    if (!named || !look_at(target, &runtime))
        return NULL;
    /* The debug offsets stand in memory that the process can write to; Py_Version does not. */
    uint32_t constant = version_from_symbol(target, module);
    if (constant != 0)
        runtime.version = constant;
    if (runtime.version == 0)
        runtime.version = version_from_name(module);
    return add(runtimes, &runtime);
}

struct runtime_search {
    struct spprof_target *target;
    const struct spprof_module *module;
    const struct runtime_shape *shapes;
    size_t shape_count;
    struct runtimes *runtimes;
    bool further;  /* a Python is known already: less is looked at */
    bool strict;   /* memory is full of pointers that lead anywhere: what is no list of interpreters at a glance is not followed */
    uint64_t left; /* bytes that may still be searched */
};

static bool is_pointer(uint64_t value)
{
    return value != 0 && value % 8 == 0 && value >> 56 == 0;
}

/* Whether the pointer at this offset leads to an interpreter that leads back to the runtime. */
static bool leads_back(const struct runtime_search *search, uint64_t address, const uint8_t *bytes, int32_t offset, int32_t interpreter_runtime)
{
    uint64_t interpreter, back;
    memcpy(&interpreter, bytes + offset, sizeof interpreter);
    if (!is_pointer(interpreter) || !target_budget_search(&search->target->budget, READ_COST))
        return false;
    if (target_try_read(search->target, interpreter + (uint64_t)interpreter_runtime, &back, sizeof back) != SPPROF_READ_OK)
        return false;
    return back == address;
}

static bool points_back(const struct runtime_search *search, uint64_t address, const uint8_t *bytes, size_t available,
                        const struct runtime_shape *shape)
{
    bool fits = shape->interpreters_head >= 0 && shape->interpreters_main >= 0 && (size_t)shape->interpreters_head + 8 <= available &&
                (size_t)shape->interpreters_main + 8 <= available;
    return fits && leads_back(search, address, bytes, shape->interpreters_main, shape->interpreter_runtime) &&
           leads_back(search, address, bytes, shape->interpreters_head, shape->interpreter_runtime);
}

bool runtime_is_alive(struct spprof_target *target, const struct runtime *runtime, const struct runtime_shape *shapes, size_t shape_count)
{
    const struct runtime_search search = {.target = target};
    uint8_t bytes[OVERLAP];
    if (runtime->has_debug_offsets)
        return true;
    if (target_try_read(target, runtime->address, bytes, sizeof bytes) != SPPROF_READ_OK)
        return false;
    for (size_t i = 0; i < shape_count; i++)
        if (points_back(&search, runtime->address, bytes, sizeof bytes, &shapes[i]))
            return true;
    return false;
}

/*
 * struct pyinterpreters (Include/internal/pycore_runtime.h, 3.9 to 3.12): a mutex, head, main, and how many interpreters there have been,
 * one behind the other.
 */
static bool is_list_of_interpreters(const uint8_t *bytes, size_t available, const struct runtime_shape *shape)
{
    uint64_t words[4];
    if (shape->interpreters_main != shape->interpreters_head + 8 || shape->interpreters_head < 8 ||
        (size_t)shape->interpreters_head - 8 + sizeof words > available)
        return false;
    memcpy(words, bytes + shape->interpreters_head - 8, sizeof words);
    return is_pointer(words[0]) && is_pointer(words[1]) && is_pointer(words[2]) && words[3] > 0 && words[3] <= INT32_MAX;
}

static struct spprof_error *test_place(const struct runtime_search *search, uint64_t address, const uint8_t *bytes, size_t available)
{
    struct runtime runtime = {.address = address, .module = search->module, .how = "search of writable memory"};
    if (memcmp(bytes, cookie, sizeof cookie) == 0)
        return look_at(search->target, &runtime) && runtime.has_debug_offsets ? add(search->runtimes, &runtime) : NULL;
    for (size_t i = 0; i < search->shape_count; i++) {
        if (search->strict && !is_list_of_interpreters(bytes, available, &search->shapes[i]))
            continue;
        if (!points_back(search, address, bytes, available, &search->shapes[i]))
            continue;
        uint32_t named = search->module != NULL ? version_from_name(search->module) : 0;
        runtime.version = named != 0 ? named : search->shapes[i].version;
        runtime.by_shape = named == 0;
        return add(search->runtimes, &runtime);
    }
    return NULL;
}

/* Reads as much of a piece as is there; returns its size. */
static size_t read_piece(struct spprof_target *target, uint64_t address, uint8_t *piece, size_t size)
{
    size_t done = 0;
    if (target_try_read(target, address, piece, size) == SPPROF_READ_OK)
        return size;
    while (done < size) { /* up to the page that is missing */
        size_t page = size - done < PAGE ? size - done : PAGE - (address + done) % PAGE;
        if (target_try_read(target, address + done, piece + done, page) != SPPROF_READ_OK)
            break;
        done += page;
    }
    return done;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static struct spprof_error *search_range(struct runtime_search *search, uint64_t start, uint64_t end)
{
    CLEANUP_FREE uint8_t *piece = malloc(PIECE);
    if (piece == NULL)
        return spprof_error_no_memory();
    if (end - start > SEARCH_MAX)
        end = start + SEARCH_MAX;
    if (end - start > search->left && !search->strict) /* else it is told by who searches */
        search->target->budget.search_refused = true;
    if (end - start > search->left)
        end = start + search->left;
    search->left -= end - start;
    for (uint64_t at = start; at < end && target_budget_search(&search->target->budget, ZEROS_COST);) {
        size_t wanted = end - at < PIECE ? (size_t)(end - at) : PIECE;
        size_t size = read_piece(search->target, at, piece, wanted);
        size_t last = size == PIECE ? PIECE - OVERLAP : size;
        bool may_be_there = !is_zero(piece, size) && target_budget_search(&search->target->budget, PIECE - ZEROS_COST);
        for (size_t i = 0; may_be_there && i + 8 <= last; i += 8)
            TRY(test_place(search, at + i, piece + i, size - i));
        at += size == wanted ? last : size - (at + size) % PAGE + PAGE; /* over the page that is missing */
    }
    return NULL;
}

static struct spprof_error *search_module(struct runtime_search *search, const struct spprof_module *module)
{
    search->module = module;
    for (size_t i = 0; i < module->mapping_count; i++)
        if (module->mappings[i].writable)
            TRY(search_range(search, module->mappings[i].start, module->mappings[i].end));
    return NULL;
}

enum modules_wanted { PYTHON, OTHERS };

/* A program that embeds Python is called anything: its executable is as likely a place as a file named python. */
static bool is_wanted(const struct spprof_module *module, enum modules_wanted wanted)
{
    return (named_python(module) || module->main) == (wanted == PYTHON);
}

static struct spprof_error *look_up_all(struct spprof_target *target, const struct spprof_modules *modules, enum modules_wanted wanted,
                                        struct runtimes *runtimes)
{
    for (int named = 1; named >= 0; named--)
        for (size_t i = 0; i < modules->count; i++)
            if (is_wanted(&modules->items[i], wanted) && named_python(&modules->items[i]) == named)
                TRY(look_up(target, &modules->items[i], runtimes));
    return NULL;
}

static bool has_candidate(const struct runtimes *runtimes, const struct spprof_module *module)
{
    for (size_t i = 0; i < runtimes->count; i++)
        if (runtimes->items[i].module == module)
            return true;
    return false;
}

static bool may_hold_python(const struct spprof_module *module)
{
    return is_wanted(module, OTHERS) && module->end - module->start >= PYTHON_MIN;
}

/* Searches where no name has led to a runtime. */
static struct spprof_error *search_all(struct runtime_search *search, const struct spprof_modules *modules, enum modules_wanted wanted)
{
    for (size_t i = 0; i < modules->count; i++) {
        const struct spprof_module *module = &modules->items[i];
        if (is_wanted(module, wanted) && (!search->further || may_hold_python(module)) && !has_candidate(search->runtimes, module))
            TRY(search_module(search, module));
    }
    return NULL;
}

/* The files of a core that may hold one more Python, each by its symbols and sections. */
static struct spprof_error *look_up_further(struct spprof_target *target, const struct spprof_modules *modules, struct runtimes *runtimes)
{
    for (size_t i = 0; i < modules->count; i++)
        if (may_hold_python(&modules->items[i]) && !has_candidate(runtimes, &modules->items[i]))
            TRY(look_up(target, &modules->items[i], runtimes));
    return NULL;
}

/* The dynamic symbols of a live process lie in its memory: no file is opened. Most libraries are too small to be asked. */
static struct spprof_error *find_exported(struct spprof_target *target, const struct spprof_modules *modules, struct runtimes *runtimes)
{
    struct elf_reader reader = target_elf_target_reader(target);
    for (size_t i = 0; target->kind == SPPROF_TARGET_PROCESS && i < modules->count; i++) {
        struct runtime runtime = {.module = &modules->items[i], .how = "symbol _PyRuntime"};
        CLEANUP(target_elf_object_free) struct elf_object object = {0};
        if (may_hold_python(runtime.module) && target_elf_object_read(&reader, runtime.module->start, &object) &&
            target_elf_object_find_symbol(&reader, &object, "_PyRuntime", &runtime.address) == ELF_FOUND && look_at(target, &runtime))
            TRY(add(runtimes, &runtime));
    }
    return NULL;
}

static bool in_module(const struct spprof_modules *modules, const struct spprof_mapping *region)
{
    for (size_t i = 0; i < modules->count; i++)
        for (size_t j = 0; j < modules->items[i].mapping_count; j++)
            if (region->start < modules->items[i].mappings[j].end && modules->items[i].mappings[j].start < region->end)
                return true;
    return false;
}

static int by_size(const void *left, const void *right)
{
    const struct spprof_mapping *const *a = left, *const *b = right;
    uint64_t size_a = (*a)->end - (*a)->start, size_b = (*b)->end - (*b)->start;
    return size_a != size_b ? (size_a > size_b) - (size_a < size_b) : ((*a)->start > (*b)->start) - ((*a)->start < (*b)->start);
}

static bool is_code(const struct spprof_modules *modules, const struct spprof_mapping *region)
{
    return region->executable && region->end - region->start >= PYTHON_MIN && !in_module(modules, region);
}

/* Behind the regions that lie side by side with the first one, as the segments of a library do. *code: some of them hold code of no file. */
static size_t end_of_run(const struct spprof_modules *modules, const struct spprof_mapping *regions, size_t first, size_t count, bool *code)
{
    size_t end = first;
    *code = false;
    do
        *code = *code || is_code(modules, &regions[end]);
    while (++end < count && regions[end].start - regions[end - 1].end <= GAP_MAX);
    return end;
}

/* Where a Python is known already, only what lies beside code: heaps are large, and have none. */
static size_t choose_regions(const struct runtime_search *search, const struct spprof_modules *modules, const struct spprof_mapping *regions,
                             size_t region_count, const struct spprof_mapping **wanted)
{
    size_t count = 0;
    bool code;
    for (size_t i = 0, end; i < region_count; i = end) {
        end = end_of_run(modules, regions, i, region_count, &code);
        for (size_t j = i; j < end && (code || !search->further); j++) {
            bool small = regions[j].end - regions[j].start <= DATA_MAX;
            if (regions[j].readable && regions[j].writable && (small || !search->further) && !in_module(modules, &regions[j]))
                wanted[count++] = &regions[j];
        }
    }
    return count;
}

/* Small pieces first: a library's data are some hundred kB, a heap may be anything. */
static struct spprof_error *search_regions(struct runtime_search *search, const struct spprof_modules *modules)
{
    const struct spprof_mapping *regions;
    size_t region_count;
    uint64_t total = search->left;
    TRY(target_regions(search->target, &regions, &region_count));
    CLEANUP_FREE const struct spprof_mapping **wanted = calloc(region_count + 1, sizeof *wanted);
    if (wanted == NULL)
        return spprof_error_no_memory();
    size_t count = choose_regions(search, modules, regions, region_count, wanted);
    qsort(wanted, count, sizeof *wanted, by_size);
    for (size_t i = 0; i < count && search->left > 0; i++)
        TRY(search_range(search, wanted[i]->start, wanted[i]->end));
    if (search->left == 0 && search->runtimes->count == 0)
        search->target->budget.search_refused = true; /* no Python is found, and the error says why */
    if (search->left == 0 && (search->runtimes->count == 0 || search->further))
        spprof_problems_add(&search->target->problems,
                            "the memory that belongs to no file is too much to be searched for Python whole: only %" PRIu64
                            " MiB of it were, the smallest pieces first",
                            total >> 20);
    return NULL;
}

struct spprof_error *runtime_find(struct spprof_target *target, const struct runtime_shape *shapes, size_t shape_count, enum runtime_place place,
                                  bool further, struct runtimes *runtimes)
{
    const struct spprof_modules *modules;
    struct runtime_search search = {.target = target, .shapes = shapes, .shape_count = shape_count, .runtimes = runtimes, .left = SEARCH_TOTAL};
    if (target->kind == SPPROF_TARGET_PROCESS && !target->local)
        search.left = SEARCH_REMOTE;
    search.further = search.strict = further;
    TRY(target_modules(target, &modules));
    if (further && target->kind == SPPROF_TARGET_PROCESS && (place == RUNTIME_NAMED || place == RUNTIME_IN_FILE))
        return NULL; /* what it exports has been looked at */
    switch (place) {
    case RUNTIME_IN_PYTHON: TRY(look_up_all(target, modules, PYTHON, runtimes)); return search_all(&search, modules, PYTHON);
    case RUNTIME_EXPORTED: return find_exported(target, modules, runtimes);
    case RUNTIME_NAMED: return further ? look_up_further(target, modules, runtimes) : look_up_all(target, modules, OTHERS, runtimes);
    case RUNTIME_IN_FILE: return search_all(&search, modules, OTHERS);
    case RUNTIME_IN_NO_FILE: search.strict = true; return search_regions(&search, modules);
    case RUNTIME_PLACES: break;
    }
    return NULL;
}

bool runtime_is_named(struct spprof_target *target)
{
    const struct spprof_modules *modules;
    struct runtimes runtimes = {NULL, 0};
    struct spprof_error *error = target_modules(target, &modules);
    if (error == NULL)
        error = look_up_all(target, modules, PYTHON, &runtimes);
    if (error == NULL && runtimes.count == 0)
        error = look_up_all(target, modules, OTHERS, &runtimes);
    bool found = runtimes.count > 0;
    spprof_error_free(error);
    runtime_list_free(&runtimes);
    return found;
}
