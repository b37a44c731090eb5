/* A debugger made by a test: one shared object in memory, with a hole behind it, and a user who may press Ctrl-C. */
#ifndef SPPROF_TESTS_FAKE_DEBUGGER_H
#define SPPROF_TESTS_FAKE_DEBUGGER_H

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "made_files.h"
#include "spprof/debugger.h"

#define FAKE_START UINT64_C(0x7f0000400000)

struct fake_debugger {
    uint8_t memory[OBJECT_END];
    size_t readable; /* bytes of it */
    size_t reads;
    size_t interrupt_at; /* the number of the read before which Ctrl-C is pressed; 0: never */
    bool knows_modules;
    uint64_t symbol; /* of "debuggers_own" */
    struct spprof_debugger_inferior inferior;
    size_t asked_for_inferior;
    int64_t selected;
};

static inline bool fake_read(void *debugger, uint64_t address, void *buffer, size_t size)
{
    struct fake_debugger *fake = debugger;
    fake->reads++;
    if (address < FAKE_START || address - FAKE_START > fake->readable || size > fake->readable - (address - FAKE_START))
        return false;
    memcpy(buffer, fake->memory + (address - FAKE_START), size);
    return true;
}

static inline struct spprof_error *fake_threads(void *debugger, struct spprof_native_threads *threads)
{
    (void)debugger;
    threads->items = calloc(2, sizeof *threads->items);
    threads->items[0].tid = threads->items[0].target_tid = 42;
    threads->count = 1;
    return NULL;
}

static inline struct spprof_error *fake_modules(void *debugger, void (*add)(void *context, const struct spprof_debugger_module *module),
                                                void *context)
{
    const struct fake_debugger *fake = debugger;
    char path[] = "/lib/made.so"; /* gone when this returns: it must be copied */
    const struct spprof_debugger_module module = {.path = path, .main = true, .start = FAKE_START + 0x318, .end = FAKE_START + OBJECT_END};
    if (fake->knows_modules)
        add(context, &module);
    return NULL;
}

static inline bool fake_find_symbol(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address)
{
    const struct fake_debugger *fake = debugger;
    (void)module;
    *address = fake->symbol;
    return strcmp(name, "debuggers_own") == 0;
}

static inline bool fake_find_section(void *debugger, const struct spprof_debugger_module *module, const char *name, uint64_t *address, uint64_t *size)
{
    (void)debugger;
    *address = module->start;
    *size = 16;
    return strcmp(name, ".made") == 0;
}

static inline bool fake_interrupted(void *debugger)
{
    const struct fake_debugger *fake = debugger;
    return fake->interrupt_at != 0 && fake->reads + 1 >= fake->interrupt_at;
}

static const struct spprof_debugger_ops fake_ops = {fake_read,         fake_threads, fake_modules,    fake_find_symbol,
                                                    fake_find_section, NULL,         fake_interrupted};

/* A fresh one, with the made object loaded. */
static inline void fake_init(struct fake_debugger *fake)
{
    static struct made_object object;
    make_object(&object, EM_X86_64, 1);
    *fake = (struct fake_debugger){.readable = OBJECT_END, .knows_modules = true, .symbol = FAKE_START + 0x123, .selected = 42};
    fake->inferior = (struct spprof_debugger_inferior){.kind = SPPROF_TARGET_PROCESS, .architecture = SPPROF_X86_64, .pid = 41};
    memcpy(fake->memory, &object, OBJECT_PAGE);
    memcpy(fake->memory + OBJECT_DATA, object.dynamic, OBJECT_PAGE);
}

#endif
