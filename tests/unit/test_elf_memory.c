/* ELF objects in memory and in files: this process and its C library as witnesses, then objects that lie. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

#include "made_files.h"
#include "target/elf/elf_file.h"
#include "target/elf/elf_memory.h"

enum { START = 0x7f0000400000 & 0x7fffffff };
static const uint64_t start = 0x7f0000400000;

/* This process's own memory, where a bad address is an error and no crash. */
static bool read_self(void *context, uint64_t address, void *buffer, size_t size)
{
    (void)context;
    struct iovec local = {.iov_base = buffer, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size;
}
static const struct elf_reader self = {.read = read_self};

/* A made object as the loader maps it at start, its .bss included. */
static uint8_t memory[OBJECT_END];

static bool read_made(void *context, uint64_t address, void *buffer, size_t size)
{
    (void)context;
    if (address < start || address - start > sizeof memory || size > sizeof memory - (address - start))
        return false;
    memcpy(buffer, memory + (address - start), size);
    return true;
}
static const struct elf_reader made = {.read = read_made};

static void load(const struct made_object *object)
{
    memset(memory, 0, sizeof memory);
    memcpy(memory, object, OBJECT_PAGE);
    memcpy(memory + OBJECT_DATA, object->dynamic, OBJECT_PAGE);
}

static enum elf_lookup find(const struct made_object *object, const char *name, uint64_t *address)
{
    struct elf_object read;
    load(object);
    assert_true(target_elf_object_read(&made, start, &read));
    enum elf_lookup result = target_elf_object_find_symbol(&made, &read, name, address);
    target_elf_object_free(&read);
    return result;
}

static void test_shape(void **state)
{
    (void)state;
    struct made_object object;
    struct elf_object read;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    make_object(&object, EM_X86_64, 0xab);
    load(&object);
    assert_true(target_elf_object_read(&made, start, &read));
    assert_true(read.start == start && read.bias == start && read.end == start + OBJECT_END);
    assert_true(read.entry == start + OBJECT_ENTRY && read.machine == EM_X86_64 && read.type == ET_DYN && read.segment_count == 4);
    assert_int_equal(target_elf_object_build_id(&made, &read, build_id), 20);
    assert_memory_equal(build_id, object.note.build_id, 20);
    target_elf_object_free(&read);
}

static void test_executable_has_no_bias(void **state)
{
    (void)state;
    struct made_object object;
    struct elf_object read;
    make_object(&object, EM_X86_64, 1);
    object.header.e_type = ET_EXEC;
    for (size_t i = 0; i < 4; i++)
        object.segments[i].p_vaddr += start;
    load(&object);
    assert_true(target_elf_object_read(&made, start, &read));
    assert_true(read.bias == 0 && read.end == start + OBJECT_END);
    target_elf_object_free(&read);
}

static void test_symbols(void **state)
{
    (void)state;
    struct made_object object;
    uint64_t address;
    for (int relocated = 0; relocated <= 1; relocated++) {
        make_object(&object, EM_X86_64, 1);
        for (size_t i = 0; i < 4; i++)
            object.dynamic[i].d_un.d_ptr += relocated ? start : 0;
        address = 0;
        assert_int_equal(find(&object, "present", &address), ELF_FOUND);
        assert_true(address == start + OBJECT_PRESENT);
        assert_int_equal(find(&object, "absent", &address), ELF_ABSENT);
        assert_int_equal(find(&object, "unheard_of", &address), ELF_ABSENT);
        object.dynamic[1].d_tag = DT_FLAGS; /* no GNU hash: the old one */
        address = 0;
        assert_int_equal(find(&object, "present", &address), ELF_FOUND);
        assert_true(address == start + OBJECT_PRESENT);
        assert_int_equal(find(&object, "absent", &address), ELF_ABSENT);
        object.dynamic[0].d_tag = DT_FLAGS;
        assert_int_equal(find(&object, "present", &address), ELF_UNKNOWN);
    }
}

static void test_thread_local_symbol_has_no_address(void **state)
{
    (void)state;
    struct made_object object;
    uint64_t address;
    make_object(&object, EM_X86_64, 1);
    object.symbols[2].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_TLS);
    assert_int_equal(find(&object, "present", &address), ELF_ABSENT);
}

static void test_lying_tables(void **state)
{
    (void)state;
    struct made_object object;
    uint64_t address;

    make_object(&object, EM_X86_64, 1);
    object.gnu_hash.bucket_count = 0;
    object.sysv_hash.bucket_count = 0;
    assert_int_equal(find(&object, "present", &address), ELF_UNKNOWN);

    make_object(&object, EM_X86_64, 1);
    object.gnu_hash.bloom_count = UINT32_MAX;
    object.sysv_hash.bucket_count = UINT32_MAX;
    assert_int_not_equal(find(&object, "present", &address), ELF_FOUND);

    make_object(&object, EM_X86_64, 1);
    object.dynamic[1].d_tag = DT_FLAGS;
    object.sysv_hash.chains[1] = 1; /* a circle */
    assert_int_equal(find(&object, "present", &address), ELF_UNKNOWN);

    make_object(&object, EM_X86_64, 1);
    object.symbols[2].st_name = UINT32_MAX;
    assert_int_equal(find(&object, "present", &address), ELF_ABSENT);

    make_object(&object, EM_X86_64, 1);
    for (size_t i = 0; i < 5; i++)
        object.dynamic[i].d_un.d_ptr = UINT64_MAX - 4 * i;
    assert_int_equal(find(&object, "present", &address), ELF_UNKNOWN);
}

static void test_lying_headers(void **state)
{
    (void)state;
    struct made_object good;
    struct made_object object;
    struct elf_object read;
    make_object(&good, EM_X86_64, 1);
    for (int lie = 0; lie < 9; lie++) {
        object = good;
        switch (lie) {
        case 0: object.header.e_phnum = UINT16_MAX; break;
        case 1: object.header.e_phnum = 0; break;
        case 2: object.header.e_phoff = UINT64_MAX - 8; break;
        case 3: object.header.e_phentsize = 8; break;
        case 4: object.header.e_ident[EI_CLASS] = ELFCLASS32; break;
        case 5: object.header.e_type = ET_CORE; break;
        case 6: object.segments[1].p_memsz = UINT64_MAX - 16; break;
        case 7: object.segments[1].p_vaddr = UINT64_MAX - 0xfff; break;
        case 8: object.header.e_ident[EI_DATA] = ELFDATA2MSB; break;
        }
        load(&object);
        assert_false(target_elf_object_read(&made, start, &read));
    }
}

static void test_lying_note(void **state)
{
    (void)state;
    struct made_object object;
    struct elf_object read;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    for (int lie = 0; lie < 4; lie++) {
        make_object(&object, EM_X86_64, 1);
        switch (lie) {
        case 0: object.note.header.n_descsz = UINT32_MAX; break;
        case 1: object.note.header.n_namesz = UINT32_MAX; break;
        case 2: object.note.header.n_descsz = 0; break;
        case 3:
            object.segments[2].p_filesz = UINT64_MAX;
            object.segments[2].p_vaddr = UINT64_MAX;
            break;
        }
        load(&object);
        assert_true(target_elf_object_read(&made, start, &read));
        assert_int_equal(target_elf_object_build_id(&made, &read, build_id), 0);
        target_elf_object_free(&read);
    }
}

/* The dynamic linker's list in the made object's .bss. */
struct made_links {
    struct {
        int32_t version;
        uint64_t map;
    } head;
    struct {
        uint64_t bias, name, dynamic, next, previous;
    } maps[3];
    char names[2][16];
};

enum { LINKS = 0x3000 };

static struct elf_links read_links(const struct made_links *made_links)
{
    struct elf_links links;
    memcpy(memory + LINKS, made_links, sizeof *made_links);
    assert_null(target_elf_links_read(&made, start + LINKS, &links));
    return links;
}

static uint64_t link_at(size_t index)
{
    return start + LINKS + offsetof(struct made_links, maps) + index * sizeof((struct made_links *)0)->maps[0];
}

static void test_links(void **state)
{
    (void)state;
    struct made_links list = {.head = {1, link_at(0)}, .names = {"/lib/one.so", "/lib/two.so"}};
    for (size_t i = 0; i < 3; i++) {
        list.maps[i].bias = 0x1000 * i;
        list.maps[i].dynamic = 0x100 * i;
        list.maps[i].name = i == 0 ? 0 : start + LINKS + offsetof(struct made_links, names) + 16 * (i - 1);
        list.maps[i].next = i == 2 ? 0 : link_at(i + 1);
        list.maps[i].previous = i == 0 ? 0 : link_at(i - 1);
    }
    struct elf_links links = read_links(&list);
    assert_int_equal(links.count, 3);
    assert_string_equal(links.items[0].path, "");
    assert_string_equal(links.items[2].path, "/lib/two.so");
    assert_true(links.items[2].bias == 0x2000 && links.items[2].dynamic == 0x200);
    target_elf_links_free(&links);

    list.maps[2].next = link_at(0); /* a circle */
    links = read_links(&list);
    assert_int_equal(links.count, 3);
    target_elf_links_free(&links);

    list.maps[1].next = UINT64_MAX - 7; /* a break */
    links = read_links(&list);
    assert_int_equal(links.count, 2);
    target_elf_links_free(&links);
}

/* What the dynamic linker itself says of this process. */

struct loaded {
    uint64_t bias, header;
    const char *path;
    size_t count;
};

static int note_library(struct dl_phdr_info *info, size_t size, void *context)
{
    (void)size;
    struct loaded *loaded = context;
    loaded->count++;
    if (strstr(info->dlpi_name, "libc.so") == NULL)
        return 0;
    loaded->bias = info->dlpi_addr;
    loaded->path = info->dlpi_name;
    for (size_t i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_offset == 0)
            loaded->header = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    return 0;
}

/* As the C library itself defines it: a sanitizer puts its own function before it. */
static uint64_t address_in(const struct loaded *library, const char *name)
{
    void *handle = dlopen(library->path, RTLD_LAZY | RTLD_NOLOAD);
    assert_non_null(handle);
    uint64_t address = (uint64_t)(uintptr_t)dlsym(handle, name);
    dlclose(handle);
    return address;
}

static void test_own_library_in_memory(void **state)
{
    (void)state;
    struct loaded libc = {0};
    struct elf_object read;
    uint64_t address = 0;
    dl_iterate_phdr(note_library, &libc);
    assert_true(target_elf_object_read(&self, libc.header, &read));
    assert_true(read.bias == libc.bias);
    assert_int_equal(target_elf_object_find_symbol(&self, &read, "fflush", &address), ELF_FOUND);
    assert_true(address == address_in(&libc, "fflush"));
    assert_int_equal(target_elf_object_find_symbol(&self, &read, "no_such_function", &address), ELF_ABSENT);
    target_elf_object_free(&read);
}

static void test_own_library_as_file(void **state)
{
    (void)state;
    struct loaded libc = {0};
    struct elf_object read;
    struct elf_file *file;
    uint8_t build_id[ELF_BUILD_ID_MAX];
    uint64_t value, size;
    dl_iterate_phdr(note_library, &libc);
    assert_null(target_elf_file_open(open(libc.path, O_RDONLY | O_CLOEXEC), libc.path, &file));
    assert_true(target_elf_file_find_symbol(file, "fflush", &value));
    assert_true(libc.bias + value == address_in(&libc, "fflush"));
    assert_false(target_elf_file_find_symbol(file, "no_such_function", &value));
    assert_true(target_elf_file_find_section(file, ".text", &value, &size));
    assert_true(value > 0 && size > 0);
    assert_false(target_elf_file_find_section(file, ".no_such_section", &value, &size));

    assert_true(target_elf_object_read(&self, libc.header, &read));
    assert_true(read.machine == file->object.machine && read.segment_count == file->object.segment_count);
    assert_int_equal(target_elf_object_build_id(&self, &read, build_id), file->build_id_size);
    assert_memory_equal(build_id, file->build_id, file->build_id_size);
    target_elf_object_free(&read);
    target_elf_file_close(file);
}

static void test_own_links(void **state)
{
    (void)state;
    struct loaded libc = {0};
    struct elf_links links;
    dl_iterate_phdr(note_library, &libc);
    assert_null(target_elf_links_read(&self, (uint64_t)(uintptr_t)&_r_debug, &links));
    assert_int_equal(links.count, libc.count);
    for (size_t i = 0; i < links.count; i++)
        if (strcmp(links.items[i].path, libc.path) == 0)
            assert_true(links.items[i].bias == libc.bias);
    target_elf_links_free(&links);
}

int main(void);

/* In .symtab only. */
static __attribute__((noinline, used)) int hidden_function_of_this_test(int value)
{
    __asm__ volatile("" : "+r"(value));
    return value;
}

static void test_symbol_table_of_file(void **state)
{
    (void)state;
    struct elf_file *file;
    uint64_t hidden, exported;
    assert_null(target_elf_file_open(open("/proc/self/exe", O_RDONLY | O_CLOEXEC), "self", &file));
    assert_true(target_elf_file_find_symbol(file, "hidden_function_of_this_test", &hidden));
    assert_true(target_elf_file_find_symbol(file, "main", &exported));

    int64_t apart = (int64_t)((uintptr_t)hidden_function_of_this_test - (uintptr_t)main);
    assert_true((int64_t)(hidden - exported) == apart);
    assert_false(target_elf_file_find_symbol(file, "stderr_is_not_here", &hidden));
    target_elf_file_close(file);
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    struct elf_file *file;
    struct made_object object;
    make_object(&object, EM_X86_64, 1);
    object.header.e_phoff = UINT64_MAX - 3;
    for (int i = 0; i < 3; i++) {
        const char *path = i == 0   ? save_file("text", "no ELF file", 11)
                           : i == 1 ? save_file("empty", "", 0)
                                    : save_file("bad", &object, sizeof object);
        struct spprof_error *error = target_elf_file_open(open(path, O_RDONLY | O_CLOEXEC), path, &file);
        assert_non_null(error);
        assert_int_equal(error->kind, SPPROF_ERROR_BAD_FILE);
        assert_non_null(strstr(error->message, path));
        assert_null(file);
        spprof_error_free(error);
    }
}

static void test_made_file(void **state)
{
    (void)state;
    struct elf_file *file;
    struct made_object object;
    uint64_t value;
    make_object(&object, EM_AARCH64, 7);
    const char *path = save_file("object", &object, sizeof object);
    assert_null(target_elf_file_open(open(path, O_RDONLY | O_CLOEXEC), path, &file));
    assert_true(file->object.machine == EM_AARCH64 && file->build_id_size == 20 && file->build_id[19] == 7);
    assert_true(target_elf_file_find_symbol(file, "present", &value) && value == OBJECT_PRESENT);
    assert_false(target_elf_file_find_symbol(file, "absent", &value));
    char data[8];
    assert_true(target_elf_file_read(file, offsetof(struct made_object, data), data, sizeof data));
    assert_memory_equal(data, "the data", sizeof data);
    assert_false(target_elf_file_read(file, OBJECT_SIZE - 4, data, sizeof data));
    assert_false(target_elf_file_read(file, UINT64_MAX - 4, data, sizeof data));
    target_elf_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_executable_has_no_bias),
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_thread_local_symbol_has_no_address),
        cmocka_unit_test(test_lying_tables),
        cmocka_unit_test(test_lying_headers),
        cmocka_unit_test(test_lying_note),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_own_library_in_memory),
        cmocka_unit_test(test_own_library_as_file),
        cmocka_unit_test(test_own_links),
        cmocka_unit_test(test_symbol_table_of_file),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_made_file),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
