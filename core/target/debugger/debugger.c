#include "spprof/debugger.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "target/debugger/debugger_modules.h"
#include "target/debugger/debugger_pages.h"
#include "target/elf/elf_file.h"
#include "target/elf/elf_memory.h"
#include "target/modules.h"
#include "target/target.h"

enum { RETRY_BATCH = 64 };

struct debugger_target {
    struct spprof_target target; /* first: the operations get a pointer to it */
    const struct spprof_debugger_ops *ops;
    void *debugger;
    struct spprof_target *direct; /* the same process or core past the debugger; NULL: not at hand, or it shows something else */
    struct debugger_pages pages;
    bool listed, modules_known, interrupted;
    bool trusts_files; /* of a core: the debugger has the executable that the core names, and fills in what the core leaves out */
    struct debugger_module_list list;
    struct spprof_modules modules;  /* unused where direct serves them */
    struct spprof_mapping *regions; /* likewise; sorted by start */
    size_t region_count, region_capacity;
    bool regions_known;
};

static struct debugger_target *debugger_of(struct spprof_target *target)
{
    return (struct debugger_target *)target;
}

/* What the direct path has to tell is told of this target. */
static void take_problems(struct debugger_target *self)
{
    struct spprof_problems *problems = &self->direct->problems;
    for (size_t i = 0; i < problems->count; i++)
        spprof_problems_add(&self->target.problems, "%s", problems->texts[i]);
    spprof_problems_free(problems);
}

/* Every call to the debugger may be the last before the user has had enough. */
static bool is_interrupted(struct debugger_target *self)
{
    self->interrupted = self->interrupted || (self->ops->interrupted != NULL && self->ops->interrupted(self->debugger));
    return self->interrupted;
}

static bool read_by_debugger(void *context, uint64_t address, void *buffer, size_t size)
{
    struct debugger_target *self = context;
    return !is_interrupted(self) && self->ops->read(self->debugger, address, buffer, size);
}

/* What the direct path does not have, the debugger may know from files of its own. */
static void retry_failed(struct debugger_target *self, struct spprof_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct spprof_range again = ranges[i];
        if (again.status == SPPROF_READ_OK || again.status == SPPROF_READ_GONE)
            continue;
        target_debugger_pages_read(&self->pages, &again, 1);
        if (again.status == SPPROF_READ_OK)
            ranges[i].status = SPPROF_READ_OK;
    }
}

static void debugger_read_many(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    struct debugger_target *self = debugger_of(target);
    uint64_t calls = self->pages.calls + (self->direct != NULL ? self->direct->read_calls : 0);
    if (is_interrupted(self)) {
        for (size_t i = 0; i < count; i++)
            ranges[i].status = SPPROF_READ_UNMAPPED;
    } else if (self->direct != NULL) {
        target_read_many(self->direct, ranges, count);
        take_problems(self);
        if (self->trusts_files)
            retry_failed(self, ranges, count);
    } else {
        target_debugger_pages_read(&self->pages, ranges, count);
    }
    target->read_calls += self->pages.calls + (self->direct != NULL ? self->direct->read_calls : 0) - calls;
}

/* That the debugger which asks holds a thread is nothing to tell. */
static void forget_debugger(struct spprof_native_threads *threads)
{
    for (size_t i = 0; i < threads->count; i++)
        if (threads->items[i].held == SPPROF_HELD_TRACED)
            threads->items[i].held = SPPROF_HELD_NOT;
}

static struct spprof_error *debugger_threads(struct spprof_target *target, struct spprof_native_threads *threads)
{
    struct debugger_target *self = debugger_of(target);
    *threads = (struct spprof_native_threads){0};
    if (self->direct != NULL) {
        TRY(self->direct->ops->threads(self->direct, threads));
        forget_debugger(threads);
        return NULL;
    }
    return self->ops->threads != NULL ? self->ops->threads(self->debugger, threads) : NULL;
}

static struct spprof_error *list_modules(struct debugger_target *self)
{
    if (!self->listed)
        TRY(target_debugger_modules_list(self->ops, self->debugger, &self->list));
    self->listed = true;
    return NULL;
}

static struct spprof_error *debugger_modules(struct spprof_target *target, const struct spprof_modules **modules)
{
    struct debugger_target *self = debugger_of(target);
    if (self->direct != NULL) {
        struct spprof_error *error = target_modules(self->direct, modules);
        take_problems(self);
        return error;
    }
    if (!self->modules_known) {
        TRY(list_modules(self));
        TRY(target_debugger_modules_build(target, &self->list, &self->modules));
    }
    self->modules_known = true;
    *modules = &self->modules;
    return NULL;
}

static void add_region(void *context, const struct spprof_mapping *region)
{
    struct debugger_target *self = context;
    if (region->start < region->end && ARRAY_RESERVE(self->regions, self->region_capacity, self->region_count + 1))
        self->regions[self->region_count++] = *region;
}

static int by_start(const void *left, const void *right)
{
    const struct spprof_mapping *a = left, *b = right;
    return (a->start > b->start) - (a->start < b->start);
}

/* Of a core a debugger tells the memory that it knows as modules. */
static struct spprof_error *list_regions(struct debugger_target *self)
{
    if (self->regions_known || self->target.kind != SPPROF_TARGET_PROCESS || self->ops->regions == NULL)
        return NULL;
    self->regions_known = true;
    TRY(self->ops->regions(self->debugger, add_region, self));
    if (self->region_count > 0)
        qsort(self->regions, self->region_count, sizeof *self->regions, by_start);
    return NULL;
}

static struct spprof_error *debugger_regions(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count)
{
    struct debugger_target *self = debugger_of(target);
    if (self->direct != NULL)
        return target_regions(self->direct, regions, count);
    TRY(list_regions(self));
    *regions = self->regions;
    *count = self->region_count;
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* A debugger keeps the executable of the core before, where the user names no other: a file of another name is not the one. */
static bool may_be_same_file(const char *left, const char *right)
{
    return left[0] == '\0' || right[0] == '\0' || strcmp(base_name(left), base_name(right)) == 0;
}

/* The debugger's own idea of a module; NULL where it has none. */
static const struct spprof_debugger_module *listed_module(struct debugger_target *self, const struct spprof_module *module)
{
    struct spprof_error *error = list_modules(self);
    const struct spprof_debugger_module *listed = error == NULL ? target_debugger_modules_at(&self->list, module->start) : NULL;
    spprof_error_free(error);
    return listed != NULL && may_be_same_file(listed->path, module->path) ? listed : NULL;
}

static bool find_in_memory(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address)
{
    struct elf_reader reader = target_elf_target_reader(target);
    CLEANUP(target_elf_object_free) struct elf_object object = {0};
    return target_elf_object_read(&reader, module->start, &object) && target_elf_object_find_symbol(&reader, &object, name, address) == ELF_FOUND;
}

static struct spprof_error *debugger_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name,
                                                 uint64_t *address)
{
    struct debugger_target *self = debugger_of(target);
    struct spprof_error *error = NULL;
    if (self->direct != NULL) {
        error = self->direct->ops->find_symbol(self->direct, module, name, address);
        take_problems(self);
        if (error == NULL)
            return NULL;
    } else if (find_in_memory(target, module, name, address)) {
        return NULL;
    }
    const struct spprof_debugger_module *listed = listed_module(self, module);
    if (listed != NULL && self->ops->find_symbol != NULL && self->ops->find_symbol(self->debugger, listed, name, address)) {
        spprof_error_free(error);
        return NULL;
    }
    return error != NULL ? error : spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s defines no symbol %s", module->path, name);
}

static struct spprof_error *debugger_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name,
                                                  uint64_t *address, uint64_t *size)
{
    struct debugger_target *self = debugger_of(target);
    const struct spprof_debugger_module *listed = listed_module(self, module);
    if (listed != NULL && self->ops->find_section != NULL && self->ops->find_section(self->debugger, listed, name, address, size))
        return NULL;
    if (self->direct != NULL)
        return self->direct->ops->find_section(self->direct, module, name, address, size);
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s has no section %s that the debugger knows", module->path, name);
}

/* The file that the debugger took a module from, where it is the one that was mapped. */
static struct spprof_error *open_same_file(const struct spprof_module *module, int *fd)
{
    struct elf_file *file = NULL;
    int opened = open(module->path, O_RDONLY | O_CLOEXEC);
    if (opened < 0)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open %s: %s", module->path, strerror(errno));
    TRY(target_elf_file_open(opened, module->path, &file));
    bool same = module->build_id_size > 0 && file->build_id_size == module->build_id_size &&
                memcmp(file->build_id, module->build_id, module->build_id_size) == 0;
    *fd = same ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1;
    target_elf_file_close(file);
    if (*fd >= 0)
        return NULL;
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s is not the file that was mapped: its build id is another, or there is none", module->path);
}

static struct spprof_error *debugger_open_module(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    struct debugger_target *self = debugger_of(target);
    return self->direct != NULL ? self->direct->ops->open_module(self->direct, module, fd) : open_same_file(module, fd);
}

/* Behind a debugger the file of this machine may be another: since when the target runs is not told, so that only its bytecode proves it. */
static struct spprof_error *debugger_open_file(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    struct debugger_target *self = debugger_of(target);
    if (self->direct != NULL)
        return self->direct->ops->open_file(self->direct, path, fd, started_at);
    *started_at = 0;
    *fd = -1;
    if (path[0] != '/') /* relative to where the target stood, not to where the debugger does */
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open %s: it is not known which directory it is relative to", path);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return *fd >= 0 ? NULL : spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open %s: %s", path, strerror(errno));
}

static void debugger_close(struct spprof_target *target)
{
    struct debugger_target *self = debugger_of(target);
    spprof_target_close(self->direct);
    target_debugger_pages_clear(&self->pages);
    target_debugger_modules_list_free(&self->list);
    target_modules_free(&self->modules);
    free(self->regions);
    free(self);
}

static const struct spprof_target_ops debugger_ops = {
    .read_many = debugger_read_many,
    .threads = debugger_threads,
    .modules = debugger_modules,
    .regions = debugger_regions,
    .find_symbol = debugger_find_symbol,
    .find_section = debugger_find_section,
    .open_module = debugger_open_module,
    .open_file = debugger_open_file,
    .close = debugger_close,
};

enum comparison { EQUAL, DIFFERENT, UNKNOWN };

static enum comparison compare_at(struct debugger_target *self, uint64_t address)
{
    uint8_t direct[64], debugger[sizeof direct];
    bool has_direct = target_try_read(self->direct, address, direct, sizeof direct) == SPPROF_READ_OK;
    bool has_debugger = self->ops->read(self->debugger, address, debugger, sizeof debugger);
    if (!has_direct || !has_debugger)
        return self->direct->kind == SPPROF_TARGET_PROCESS && has_direct != has_debugger ? DIFFERENT : UNKNOWN;
    return memcmp(direct, debugger, sizeof direct) == 0 ? EQUAL : DIFFERENT;
}

/* Whether both ways show the same memory: a file may have been replaced, a process id be one of another machine. */
static bool shows_the_same(struct debugger_target *self)
{
    enum { COMPARED_MAX = 8 };
    const struct spprof_modules *modules;
    size_t equal = 0, compared = 0;
    struct spprof_error *error = target_modules(self->direct, &modules);
    if (error != NULL) {
        spprof_error_free(error);
        return false;
    }
    for (size_t i = 0; i < modules->count; i++) {
        for (size_t j = 0; j < modules->items[i].mapping_count && compared < COMPARED_MAX; j++) {
            const struct spprof_mapping *mapping = &modules->items[i].mappings[j];
            if (!mapping->writable)
                continue;
            enum comparison comparison = compare_at(self, mapping->end - 64);
            compared++;
            equal += comparison == EQUAL;
            if (comparison == DIFFERENT)
                return false;
        }
    }
    return equal > 0;
}

static bool has_executable_of(const struct spprof_debugger_inferior *inferior, const struct spprof_target *core)
{
    return inferior->executable != NULL && may_be_same_file(inferior->executable, core->executable != NULL ? core->executable : "");
}

static struct spprof_error *open_direct(const struct spprof_debugger_inferior *inferior, struct spprof_target **direct)
{
    *direct = NULL;
    if (inferior->kind == SPPROF_TARGET_PROCESS)
        return inferior->local && inferior->pid > 0 ? spprof_process_open(inferior->pid, direct) : NULL;
    if (inferior->core == NULL)
        return NULL;
    TRY(spprof_core_open(inferior->core, NULL, direct));
    const struct spprof_core_options options = {.executable = inferior->executable};
    struct spprof_target *with_executable = NULL;
    if (has_executable_of(inferior, *direct))
        spprof_error_free(spprof_core_open(inferior->core, &options, &with_executable));
    if (with_executable != NULL) { /* else it cannot be used */
        spprof_target_close(*direct);
        *direct = with_executable;
    }
    return NULL;
}

/* Takes the direct path where there is one and it can be trusted. */
static void choose_path(struct debugger_target *self, const struct spprof_debugger_inferior *inferior)
{
    struct spprof_error *error = open_direct(inferior, &self->direct);
    bool refused = error != NULL;
    spprof_error_free(error);
    if (self->direct != NULL && !shows_the_same(self)) {
        spprof_target_close(self->direct);
        self->direct = NULL;
        refused = true;
    }
    self->pages.zeros_are_holes = self->direct != NULL;
    self->trusts_files = self->direct != NULL && self->direct->kind == SPPROF_TARGET_CORE && has_executable_of(inferior, self->direct);
    if (self->direct != NULL)
        self->target.access = inferior->kind == SPPROF_TARGET_CORE ? "read directly from the core file, past the debugger"
                                                                   : "read directly from the process, past the debugger";
    else
        self->target.access = refused ? "read through the debugger; the direct way was refused, or shows other bytes" : "read through the debugger";
}

static struct spprof_error *describe(struct debugger_target *self, const struct spprof_debugger_inferior *inferior)
{
    struct spprof_target *target = &self->target;
    const struct spprof_target *direct = self->direct;
    const char *executable = direct != NULL && direct->executable != NULL ? direct->executable : inferior->executable;
    target->kind = inferior->kind;
    target->architecture = direct != NULL ? direct->architecture : inferior->architecture;
    target->pointer_size = inferior->pointer_size == 0 ? 8 : inferior->pointer_size;
    target->long_size = inferior->long_size == 0 ? 8 : inferior->long_size;
    target->pid = direct != NULL && direct->pid != 0 ? direct->pid : inferior->pid;
    target->began_by_exec = direct != NULL && direct->began_by_exec;
    target->local = direct != NULL && direct->local;
    target->signal = direct != NULL ? direct->signal : inferior->signal;
    target->executable = executable != NULL ? strdup(executable) : NULL;
    target->lacks = direct != NULL && direct->lacks != NULL ? strdup(direct->lacks) : NULL;
    return executable != NULL && target->executable == NULL ? spprof_error_no_memory() : NULL;
}

struct spprof_error *spprof_debugger_target_open(const struct spprof_debugger_ops *ops, void *debugger,
                                                 const struct spprof_debugger_inferior *inferior, struct spprof_target **target)
{
    struct debugger_target *self = calloc(1, sizeof *self);
    *target = NULL;
    if (self == NULL)
        return spprof_error_no_memory();
    self->target.ops = &debugger_ops;
    self->ops = ops;
    self->debugger = debugger;
    self->pages = (struct debugger_pages){.read = read_by_debugger, .context = self};
    choose_path(self, inferior);
    struct spprof_error *error = describe(self, inferior);
    if (error != NULL)
        spprof_target_close(&self->target);
    else
        *target = &self->target;
    return error;
}

void spprof_debugger_target_resumed(struct spprof_target *target)
{
    struct debugger_target *self = debugger_of(target);
    target_debugger_pages_clear(&self->pages);
    self->interrupted = false;
}

bool spprof_debugger_target_interrupted(const struct spprof_target *target)
{
    return ((const struct debugger_target *)target)->interrupted;
}
