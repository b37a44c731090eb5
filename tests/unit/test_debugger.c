/* A target on a debugger's calls: pages, holes, modules completed from memory, Ctrl-C. The debugger is a fake that counts its reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_debugger.h"
#include "target/debugger/debugger_pages.h"
#include "target/target.h"

static struct fake_debugger fake;

static struct spprof_target *open_fake(void)
{
    struct spprof_target *target;
    fake_init(&fake);
    assert_null(spprof_debugger_target_open(&fake_ops, &fake, &fake.inferior, &target));
    return target;
}

static void test_a_page_is_read_once(void **state)
{
    (void)state;
    struct spprof_target *target = open_fake();
    uint64_t value;
    for (uint64_t at = 0; at + sizeof value <= 2 * OBJECT_PAGE; at += 24) {
        assert_int_equal(target_try_read(target, FAKE_START + at, &value, sizeof value), SPPROF_READ_OK);
        assert_memory_equal(&value, fake.memory + at, sizeof value);
    }
    assert_int_equal(fake.reads, 2);
    fake.memory[8] = 0xaa;
    assert_int_equal(target_try_read(target, FAKE_START + 8, &value, sizeof value), SPPROF_READ_OK);
    assert_int_not_equal((uint8_t)value, 0xaa);
    spprof_debugger_target_resumed(target);
    assert_int_equal(target_try_read(target, FAKE_START + 8, &value, sizeof value), SPPROF_READ_OK);
    assert_int_equal((uint8_t)value, 0xaa);
    spprof_target_close(target);
}

static void test_a_batch_is_few_reads(void **state)
{
    (void)state;
    struct spprof_target *target = open_fake();
    uint8_t bytes[64][16];
    struct spprof_range ranges[64];
    for (size_t i = 0; i < 64; i++)
        ranges[i] = (struct spprof_range){.address = FAKE_START + (63 - i) * 320, .size = 16, .buffer = bytes[i]};
    target_read_many(target, ranges, 64);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(ranges[i].status, SPPROF_READ_OK);
        assert_memory_equal(bytes[i], fake.memory + (63 - i) * 320, 16);
    }
    assert_int_equal(fake.reads, 1);
    spprof_target_close(target);
}

/* A debugger's read fails whole where one byte is missing; what is there must be had all the same. */
static void test_holes(void **state)
{
    (void)state;
    struct spprof_target *target = open_fake();
    uint8_t bytes[OBJECT_END];
    fake.readable = OBJECT_PAGE + 100;
    struct spprof_range ranges[] = {
        {.address = FAKE_START + OBJECT_PAGE - 8, .size = 16, .buffer = bytes},       /* into a page that is there in part */
        {.address = FAKE_START + OBJECT_PAGE + 84, .size = 16, .buffer = bytes + 16}, /* up to its last byte */
        {.address = FAKE_START + OBJECT_PAGE + 85, .size = 16, .buffer = bytes + 32}, /* one more */
        {.address = FAKE_START + 3 * OBJECT_PAGE, .size = 8, .buffer = bytes + 48},
        {.address = FAKE_START - 8, .size = 16, .buffer = bytes + 64},
        {.address = 0, .size = 8, .buffer = bytes + 80},
        {.address = UINT64_MAX - 7, .size = 8, .buffer = bytes + 88},
    };
    const enum spprof_read_status expected[] = {SPPROF_READ_OK,       SPPROF_READ_OK,       SPPROF_READ_UNMAPPED, SPPROF_READ_UNMAPPED,
                                                SPPROF_READ_UNMAPPED, SPPROF_READ_UNMAPPED, SPPROF_READ_UNMAPPED};
    target_read_many(target, ranges, sizeof ranges / sizeof ranges[0]);
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        assert_int_equal(ranges[i].status, expected[i]);
    assert_memory_equal(bytes, fake.memory + OBJECT_PAGE - 8, 16);
    assert_memory_equal(bytes + 16, fake.memory + OBJECT_PAGE + 84, 16);
    spprof_target_close(target);
}

/* What a core leaves out some debuggers read as zeros. */
static void test_pages_of_zeros(void **state)
{
    (void)state;
    fake_init(&fake);
    memset(fake.memory, 0, sizeof fake.memory);
    fake.memory[OBJECT_PAGE + 5] = 1;
    struct debugger_pages pages = {.read = fake_read, .context = &fake, .zeros_are_holes = true};
    uint8_t bytes[2][16];
    struct spprof_range ranges[] = {
        {.address = FAKE_START + 64, .size = 16, .buffer = bytes[0]},
        {.address = FAKE_START + OBJECT_PAGE + 64, .size = 16, .buffer = bytes[1]},
        {.address = FAKE_START + OBJECT_PAGE - 8, .size = 16, .buffer = bytes[0]},
    };
    target_debugger_pages_read(&pages, ranges, 3);
    assert_int_equal(ranges[0].status, SPPROF_READ_UNMAPPED);
    assert_int_equal(ranges[1].status, SPPROF_READ_OK);
    assert_int_equal(ranges[2].status, SPPROF_READ_UNMAPPED);
    target_debugger_pages_clear(&pages);
}

static void test_modules_are_completed_from_memory(void **state)
{
    (void)state;
    struct spprof_target *target = open_fake();
    const struct spprof_modules *modules;
    assert_null(target_modules(target, &modules));
    assert_int_equal(modules->count, 1);
    const struct spprof_module *module = &modules->items[0];
    assert_string_equal(module->path, "/lib/made.so");
    assert_true(module->main);
    assert_int_equal(module->start, FAKE_START); /* not the first section, with which the debugger begins */
    assert_int_equal(module->bias, FAKE_START);
    bool writable = false;
    for (size_t i = 0; i < module->mapping_count; i++)
        writable |= module->mappings[i].writable && module->mappings[i].start <= FAKE_START + OBJECT_DATA;
    assert_true(writable);

    uint64_t address, size;
    assert_null(target->ops->find_symbol(target, module, "present", &address));
    assert_int_equal(address, FAKE_START + OBJECT_PRESENT);
    assert_null(target->ops->find_symbol(target, module, "debuggers_own", &address));
    assert_int_equal(address, FAKE_START + 0x123);
    struct spprof_error *error = target->ops->find_symbol(target, module, "absent", &address);
    assert_int_equal(error->kind, SPPROF_ERROR_NOT_FOUND);
    spprof_error_free(error);
    assert_null(target->ops->find_section(target, module, ".made", &address, &size));
    assert_int_equal(size, 16);
    spprof_target_close(target);
}

static void test_a_module_that_is_no_elf_object(void **state)
{
    (void)state;
    struct spprof_target *target = open_fake();
    const struct spprof_modules *modules;
    memset(fake.memory, 0xee, sizeof fake.memory);
    assert_null(target_modules(target, &modules));
    assert_int_equal(modules->count, 1);
    assert_int_equal(modules->items[0].start, FAKE_START + 0x318);
    uint64_t address;
    assert_null(target->ops->find_symbol(target, &modules->items[0], "debuggers_own", &address));
    spprof_target_close(target);
}

static void test_interrupt(void **state)
{
    (void)state;
    struct spprof_target *target = open_fake();
    uint64_t value;
    fake.interrupt_at = 3;
    for (uint64_t page = 0; page < 5; page++) {
        enum spprof_read_status status = target_try_read(target, FAKE_START + page * OBJECT_PAGE, &value, sizeof value);
        assert_int_equal(status, page < 2 ? SPPROF_READ_OK : SPPROF_READ_UNMAPPED);
    }
    assert_int_equal(fake.reads, 2);
    assert_true(spprof_debugger_target_interrupted(target));
    fake.interrupt_at = 0;
    spprof_debugger_target_resumed(target);
    assert_false(spprof_debugger_target_interrupted(target));
    assert_int_equal(target_try_read(target, FAKE_START, &value, sizeof value), SPPROF_READ_OK);
    spprof_target_close(target);
}

/* A number that is the pid of a process here, but not the one that the debugger looks at: this test's own. */
static void test_a_process_that_is_another(void **state)
{
    (void)state;
    struct spprof_target *target;
    fake_init(&fake);
    fake.inferior.local = true;
    fake.inferior.pid = getpid();
    assert_null(spprof_debugger_target_open(&fake_ops, &fake, &fake.inferior, &target));
    uint64_t value;
    assert_int_equal(target_try_read(target, FAKE_START, &value, sizeof value), SPPROF_READ_OK);
    assert_memory_equal(&value, fake.memory, sizeof value);
    assert_non_null(strstr(target->access, "through the debugger"));
    spprof_target_close(target);
}

static bool read_self(void *debugger, uint64_t address, void *buffer, size_t size)
{
    (void)debugger;
    memcpy(buffer, (const void *)(uintptr_t)address, size); // NOLINT: only what this process's own maps name is asked for
    return true;
}

static void test_the_same_process_is_read_directly(void **state)
{
    (void)state;
    static uint64_t word = 0x1122334455667788, value;
    struct spprof_debugger_ops ops = fake_ops;
    struct spprof_target *target;
    ops.read = read_self;
    fake_init(&fake);
    fake.inferior.local = true;
    fake.inferior.pid = getpid();
    assert_null(spprof_debugger_target_open(&ops, &fake, &fake.inferior, &target));
    assert_non_null(strstr(target->access, "directly from the process"));
    assert_null(target->ops->stop);
    assert_int_equal(target_try_read(target, (uintptr_t)&word, &value, sizeof value), SPPROF_READ_OK);
    assert_int_equal(value, word);
    spprof_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_page_is_read_once),
        cmocka_unit_test(test_a_batch_is_few_reads),
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_pages_of_zeros),
        cmocka_unit_test(test_modules_are_completed_from_memory),
        cmocka_unit_test(test_a_module_that_is_no_elf_object),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_a_process_that_is_another),
        cmocka_unit_test(test_the_same_process_is_read_directly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
