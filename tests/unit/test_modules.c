/* From mappings to modules: this process as witness, then address spaces made by hand. */
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "made_files.h"
#include "spprof/image.h"
#include "target/modules.h"
#include "target/target.h"

static struct made_object object;
static const uint64_t here = 0x7f0000000000;
static const uint64_t there = 0x7f0000800000;

static int make_the_object(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 0xcd);
    return 0;
}

/* An image that holds the object at both places. */
static struct spprof_target *open_image(void)
{
    static struct spprof_image_range ranges[2];
    static const struct spprof_image image = {.ranges = ranges, .range_count = 2};
    struct spprof_target *target;
    ranges[0] = (struct spprof_image_range){.address = here, .size = OBJECT_PAGE, .bytes = &object};
    ranges[1] = (struct spprof_image_range){.address = there, .size = OBJECT_PAGE, .bytes = &object};
    assert_null(spprof_image_open(&image, &target));
    return target;
}

/* permissions: as /proc/PID/maps writes them. */
static struct address_mapping mapping(uint64_t address, uint64_t pages, const char *permissions, uint64_t offset, const char *path)
{
    return (struct address_mapping){
        .start = address,
        .end = address + pages * OBJECT_PAGE,
        .offset = offset,
        .readable = permissions[0] == 'r',
        .writable = permissions[1] == 'w',
        .executable = permissions[2] == 'x',
        .path = path,
    };
}

static struct spprof_modules build(const struct address_mapping *mappings, size_t count, uint64_t entry)
{
    struct spprof_modules modules;
    struct spprof_target *target = open_image();
    assert_null(target_modules_build(target, mappings, count, entry, &modules));
    assert_true(target->read_calls <= 1);
    spprof_target_close(target);
    return modules;
}

static void test_one_module(void **state)
{
    (void)state;
    const struct address_mapping mappings[] = {
        mapping(here - 0x10000, 1, "rw-", 0, NULL),
        mapping(here, 1, "r-x", 0, "/lib/a.so"),
        mapping(here + 0x1000, 1, "---", 0x1000, "/lib/a.so"),
        mapping(here + 0x2000, 1, "rw-", 0x1000, "/lib/a.so"),
        mapping(here + 0x3000, 9, "rw-", 0, ""), /* .bss, and a stranger's memory that the kernel shows with it */
    };
    struct spprof_modules modules = build(mappings, 5, here + 0x800);
    assert_int_equal(modules.count, 1);
    const struct spprof_module *module = &modules.items[0];
    assert_string_equal(module->path, "/lib/a.so");
    assert_true(module->main && !module->deleted);
    assert_true(module->start == here && module->bias == here && module->end == here + OBJECT_END);
    assert_int_equal(module->mapping_count, 4);
    assert_true(module->mappings[2].writable && !module->mappings[2].anonymous && module->mappings[2].offset == 0x1000);
    assert_true(module->mappings[3].anonymous && module->mappings[3].writable && module->mappings[3].end == here + OBJECT_END);
    assert_int_equal(module->build_id_size, 20);
    assert_memory_equal(module->build_id, object.note.build_id, 20);
    assert_ptr_equal(target_modules_at(&modules, here + OBJECT_END - 1), module);
    assert_null(target_modules_at(&modules, here + OBJECT_END));
    assert_null(target_modules_at(&modules, here - 1));
    target_modules_free(&modules);
}

static void test_same_file_twice(void **state)
{
    (void)state;
    const struct address_mapping mappings[] = {
        mapping(here, 1, "r-x", 0, "/lib/a.so"),
        mapping(here + 0x2000, 1, "rw-", 0x1000, "/lib/a.so"),
        mapping(there, 1, "r-x", 0, "/lib/a.so"),
        mapping(there + 0x2000, 1, "rw-", 0x1000, "/lib/a.so"),
    };
    struct spprof_modules modules = build(mappings, 4, 0);
    assert_int_equal(modules.count, 2);
    assert_true(modules.items[0].start == here && modules.items[0].mapping_count == 2 && !modules.items[0].main);
    assert_true(modules.items[1].start == there && modules.items[1].bias == there && modules.items[1].mapping_count == 2);
    target_modules_free(&modules);
}

/* A tool that maps the whole file to look at it has not loaded it. */
static void test_file_that_is_looked_at(void **state)
{
    (void)state;
    const struct address_mapping mappings[] = {
        mapping(there - 0x2000, 2, "r--", 0, "/lib/a.so"),
        mapping(there, 1, "r-x", 0, "/lib/a.so"),
        mapping(there + 0x2000, 1, "rw-", 0x1000, "/lib/a.so"),
    };
    struct spprof_modules modules = build(mappings, 3, 0);
    assert_int_equal(modules.count, 1);
    assert_true(modules.items[0].start == there);
    target_modules_free(&modules);
}

static void test_data_files(void **state)
{
    (void)state;
    const struct address_mapping mappings[] = {
        mapping(0x1000, 1, "r--", 0, "/data/read"), mapping(0x2000, 1, "rw-", 0, "/data/written"), /* cannot be read, and holds no code */
        mapping(0x3000, 1, "rw-", 0, "[heap]"),     mapping(here, 1, "r--", 0, "/lib/a.so"),       /* an ELF header, but nothing but that */
        mapping(there, 1, "r-x", 0, "[vdso]"),
    };
    struct spprof_modules modules = build(mappings, 5, 0);
    assert_int_equal(modules.count, 0);
    target_modules_free(&modules);
}

static void test_segments_in_the_first_page(void **state)
{
    (void)state;
    struct made_object whole = object;
    object.segments[1].p_offset = 0x700; /* a small file: the data begin in the page of the headers */
    object.segments[1].p_vaddr = OBJECT_DATA + 0x700;
    const struct address_mapping mappings[] = {
        mapping(here, 1, "r-x", 0, "/lib/small.so"),
        mapping(here + 0x2000, 1, "rw-", 0, "/lib/small.so"),
        mapping(here + 0x3000, 2, "rw-", 0, NULL),
    };
    struct spprof_modules modules = build(mappings, 3, 0);
    assert_int_equal(modules.count, 1);
    assert_int_equal(modules.items[0].mapping_count, 3);
    target_modules_free(&modules);
    object = whole;
}

static void test_deleted(void **state)
{
    (void)state;
    const struct address_mapping mappings[] = {mapping(here, 1, "r-x", 0, "/lib/a.so (deleted)")};
    struct spprof_modules modules = build(mappings, 1, 0);
    assert_int_equal(modules.count, 1);
    assert_true(modules.items[0].deleted);
    assert_string_equal(modules.items[0].path, "/lib/a.so");
    target_modules_free(&modules);
}

static void test_header_out_of_reach(void **state)
{
    (void)state;
    const struct address_mapping mappings[] = {
        mapping(0x10000, 1, "r-x", 0, "/lib/b.so"),
        mapping(0x11000, 1, "rw-", 0x1000, "/lib/b.so"),
        mapping(0x12000, 3, "rw-", 0, NULL),
        mapping(0x20000, 3, "rw-", 0, NULL),
    };
    struct spprof_modules modules = build(mappings, 4, 0);
    assert_int_equal(modules.count, 1);
    assert_true(modules.items[0].bias == 0x10000 && modules.items[0].end == 0x15000 && modules.items[0].mapping_count == 3);
    target_modules_free(&modules);
}

/* gcore leaves out what it has not dumped: only the program headers tell that there is code. */
static void test_unknown_permissions(void **state)
{
    (void)state;
    struct address_mapping mappings[] = {mapping(here, 1, "---", 0, "/lib/a.so"), mapping(here + 0x2000, 1, "---", 0x1000, "/lib/a.so")};
    mappings[0].permissions_unknown = mappings[1].permissions_unknown = true;
    struct spprof_modules modules = build(mappings, 2, 0);
    assert_int_equal(modules.count, 1);
    const struct spprof_mapping *code = &modules.items[0].mappings[0];
    const struct spprof_mapping *data = &modules.items[0].mappings[1];
    assert_true(code->readable && code->executable && !code->writable);
    assert_true(data->readable && data->writable && !data->executable);
    target_modules_free(&modules);
}

static void test_devices_and_inodes(void **state)
{
    (void)state;
    struct address_mapping mappings[] = {
        mapping(here, 1, "r-x", 0, "/lib/a.so"), mapping(here + 0x2000, 1, "rw-", 0x1000, "/lib/a.so"), /* another file of that name */
    };
    mappings[0].device = mappings[1].device = 1;
    mappings[0].inode = 10;
    mappings[1].inode = 11;
    struct spprof_modules modules = build(mappings, 2, 0);
    assert_int_equal(modules.items[0].mapping_count, 1);
    target_modules_free(&modules);
}

/* Thousands of files that are no modules cost no read, thousands that are cost few. */
static void test_many_mappings(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static struct address_mapping mappings[COUNT];
    struct spprof_modules modules;
    struct spprof_target *target = open_image();
    for (size_t i = 0; i < COUNT; i++)
        mappings[i] = mapping(0x100000 + i * 0x2000, 1, "r--", 0, "/data/many");
    assert_null(target_modules_build(target, mappings, COUNT, 0, &modules));
    assert_int_equal(target->read_calls, 0);
    target_modules_free(&modules);
    for (size_t i = 0; i < COUNT; i++)
        mappings[i].executable = true;
    assert_null(target_modules_build(target, mappings, COUNT, 0, &modules));
    assert_int_equal(modules.count, COUNT);
    assert_in_range(target->read_calls, 1, COUNT / 100);
    target_modules_free(&modules);
    spprof_target_close(target);
}

/* This process, as the kernel lists its mappings and the dynamic linker its objects. */

static void read_self(struct spprof_target *target, struct spprof_range *ranges, size_t count)
{
    (void)target;
    for (size_t i = 0; i < count; i++) {
        struct iovec local = {.iov_base = ranges[i].buffer, .iov_len = ranges[i].size};
        struct iovec remote = {.iov_base = (void *)(uintptr_t)ranges[i].address, .iov_len = ranges[i].size};
        bool whole = process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)ranges[i].size;
        ranges[i].status = whole ? SPPROF_READ_OK : SPPROF_READ_UNMAPPED;
    }
}

static size_t own_mappings(struct address_mapping *mappings, char (*paths)[512], size_t limit)
{
    FILE *file = fopen("/proc/self/maps", "re");
    char line[1024];
    size_t count = 0;
    assert_non_null(file);
    while (count < limit && fgets(line, sizeof line, file) != NULL) {
        unsigned long from, to, offset, inode;
        char permissions[5];
        int path = 0;
        line[strcspn(line, "\n")] = '\0';
        assert_true(sscanf(line, "%lx-%lx %4s %lx %*s %lu %n", &from, &to, permissions, &offset, &inode, &path) >= 5);
        snprintf(paths[count], sizeof paths[0], "%.500s", line + path);
        mappings[count] = mapping(from, (to - from) / OBJECT_PAGE, permissions, offset, paths[count]);
        mappings[count].inode = inode;
        count++;
    }
    fclose(file);
    return count;
}

static int compare_with_linker(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    const struct spprof_modules *modules = context;
    if (strstr(info->dlpi_name, "vdso") != NULL)
        return 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD)
            continue;
        const struct spprof_module *module = target_modules_at(modules, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
        assert_non_null(module);
        assert_true(module->bias == info->dlpi_addr);
        assert_ptr_equal(target_modules_at(modules, info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz - 1), module);
    }
    return 0;
}

static void test_own_process(void **state)
{
    (void)state;
    enum { LIMIT = 4096 };
    static struct address_mapping mappings[LIMIT];
    static char paths[LIMIT][512];
    static const struct spprof_target_ops ops = {.read_many = read_self};
    struct spprof_target target = {.ops = &ops, .pointer_size = 8};
    struct spprof_modules modules;
    size_t count = own_mappings(mappings, paths, LIMIT);
    assert_null(target_modules_build(&target, mappings, count, (uint64_t)(uintptr_t)&test_own_process, &modules));
    dl_iterate_phdr(compare_with_linker, &modules);
    size_t mains = 0;
    for (size_t i = 0; i < modules.count; i++)
        mains += modules.items[i].main;
    assert_int_equal(mains, 1);
    target_modules_free(&modules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_module),
        cmocka_unit_test(test_same_file_twice),
        cmocka_unit_test(test_file_that_is_looked_at),
        cmocka_unit_test(test_data_files),
        cmocka_unit_test(test_segments_in_the_first_page),
        cmocka_unit_test(test_deleted),
        cmocka_unit_test(test_header_out_of_reach),
        cmocka_unit_test(test_unknown_permissions),
        cmocka_unit_test(test_devices_and_inodes),
        cmocka_unit_test(test_many_mappings),
        cmocka_unit_test(test_own_process),
    };
    return cmocka_run_group_tests(tests, make_the_object, NULL);
}
