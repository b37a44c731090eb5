/* Cores of a small program and its heap, and what the tests of core files ask of them. */
#ifndef SPPROF_TESTS_MADE_CORES_H
#define SPPROF_TESTS_MADE_CORES_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "made_files.h"
#include "spprof/target.h"
#include "target/target.h"

/* Where the program of these cores lies, and its heap. */
static const uint64_t program = 0x555500000000;
static const uint64_t heap = 0x555600000000;

static struct made_object object;
static uint8_t heap_bytes[2 * OBJECT_PAGE];

static inline int make_contents(void **state)
{
    for (size_t i = 0; i < sizeof heap_bytes; i++)
        heap_bytes[i] = (uint8_t)(i * 31);
    return make_directory(state);
}

static inline struct spprof_target *open_core_with(const char *path, const char *executable, const char *sysroot)
{
    struct spprof_core_options options = {.executable = executable, .sysroot = sysroot};
    struct spprof_target *target;
    struct spprof_error *error = spprof_core_open(path, &options, &target);
    if (error != NULL)
        fail_msg("%s", error->message);
    return target;
}

static inline struct spprof_target *open_core(const char *path)
{
    return open_core_with(path, NULL, NULL);
}

static inline void assert_open_fails(const char *path, enum spprof_error_kind kind, const char *text)
{
    struct spprof_target *target;
    struct spprof_error *error = spprof_core_open(path, NULL, &target);
    assert_non_null(error);
    assert_null(target);
    if (strstr(error->message, text) == NULL || error->kind != kind)
        fail_msg("kind %d: %s", error->kind, error->message);
    spprof_error_free(error);
}

static inline void assert_problem(const struct spprof_target *target, const char *text)
{
    for (size_t i = 0; i < target->problems.count; i++)
        if (strstr(target->problems.texts[i], text) != NULL)
            return;
    fail_msg("no problem tells of \"%s\"", text);
}

static inline struct spprof_native_threads threads_of(struct spprof_target *target)
{
    struct spprof_native_threads threads;
    assert_null(target->ops->threads(target, &threads));
    return threads;
}

static inline void assert_status(struct spprof_target *target, uint64_t address, size_t size, enum spprof_read_status status)
{
    static uint8_t buffer[4 * OBJECT_PAGE];
    assert_int_equal(target_try_read(target, address, buffer, size), status);
}

/* What every process has: a thread, a name, a heap that was written. */
static inline struct made_core *make_plain_core(void)
{
    struct made_core *core = make_core(EM_X86_64);
    const uint64_t registers[27] = {0};
    add_thread(core, 100, SIGABRT, registers);
    add_process(core, 100, "python3", "python3 -m app");
    add_load(core, heap, sizeof heap_bytes, PF_R | PF_W, heap_bytes, sizeof heap_bytes);
    return core;
}

/* The same with the program mapped: its first page dumped up to dumped_header bytes, its data not at all. */
static inline struct made_core *make_core_of(const char *path, size_t dumped_header)
{
    struct made_core *core = make_plain_core();
    const uint64_t vector[] = {AT_ENTRY, program + OBJECT_ENTRY, AT_PHDR, program + 64, AT_NULL, 0};
    const struct made_mapping mappings[] = {
        {program, program + OBJECT_PAGE, 0, path},
        {program + OBJECT_DATA, program + OBJECT_DATA + OBJECT_PAGE, 1, path},
    };
    add_signal(core, SIGABRT, SI_TKILL, 0);
    add_note(core, "CORE", NT_AUXV, vector, sizeof vector);
    add_files(core, mappings, 2);
    add_load(core, program, OBJECT_PAGE, PF_R | PF_X, &object, dumped_header);
    add_load(core, program + OBJECT_DATA, OBJECT_PAGE, PF_R | PF_W, NULL, 0);
    add_load(core, program + OBJECT_DATA + OBJECT_PAGE, 2 * OBJECT_PAGE, PF_R | PF_W, heap_bytes, 2 * OBJECT_PAGE);
    return core;
}

static const uint64_t program_data = 0x555500000000 + OBJECT_DATA + offsetof(struct made_object, data) - OBJECT_PAGE;

static inline void assert_reads_data(struct spprof_target *target)
{
    char data[9];
    assert_int_equal(target_try_read(target, program_data, data, sizeof data), SPPROF_READ_OK);
    assert_string_equal(data, "the data");
}

#endif
