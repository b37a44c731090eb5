/* Core files that no kernel writes: headers and notes that lie, very many segments, files that are no cores. */
#include "made_cores.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "target/core_file/core.h"

static void test_lying_program_headers(void **state)
{
    (void)state;
    for (int lie = 0; lie < 8; lie++) {
        struct made_core *made = make_plain_core();
        size_t size;
        Elf64_Ehdr *header;
        Elf64_Phdr *segments;
        add_load(made, heap + 0x100000, OBJECT_PAGE, PF_R, heap_bytes, OBJECT_PAGE);
        add_load(made, heap + 0x200000, OBJECT_PAGE, PF_R, heap_bytes, OBJECT_PAGE);
        uint8_t *bytes = core_bytes(made, &size);
        header = (Elf64_Ehdr *)(void *)bytes;
        segments = (Elf64_Phdr *)(void *)(bytes + sizeof *header); /* notes, heap, two more */
        switch (lie) {
        case 0: segments[2].p_offset = UINT64_MAX - 8; break;
        case 1: segments[2].p_vaddr = UINT64_MAX - 8; break;
        case 2: segments[2].p_memsz = UINT64_MAX; break;
        case 3: segments[2].p_filesz = UINT64_MAX; break;
        case 4:
            segments[2].p_vaddr = heap + 0x10;
            segments[2].p_memsz = 0x100;
            break; /* within the heap */
        case 5:
            segments[2].p_vaddr = heap - 0x1000;
            segments[2].p_memsz = segments[2].p_filesz = 1u << 30;
            break; /* around all */
        case 6: header->e_phnum = 60000; break;
        case 7:
            header->e_phnum = PN_XNUM;
            header->e_shoff = UINT64_MAX - 4;
            break;
        }
        struct spprof_target *target = open_core(save_file("core", bytes, size));
        uint8_t byte;
        assert_int_equal(target_try_read(target, heap, &byte, 1), SPPROF_READ_OK);
        assert_int_equal(byte, heap_bytes[0]);
        assert_int_equal(target_try_read(target, heap + 0x200008, &byte, 1), SPPROF_READ_OK);
        assert_int_equal(byte, heap_bytes[8]);
        assert_in_range(target->problems.count, 1, 2);
        spprof_target_close(target);
        free(bytes);
        free_core(made);
    }
}

static void test_many_segments(void **state)
{
    (void)state;
    enum { COUNT = 70000 };
    for (int reversed = 0; reversed <= 1; reversed++) {
        struct made_core *core = make_plain_core();
        for (uint64_t i = 0; i < COUNT; i++)
            add_load(core, heap + 0x100000 + (reversed ? COUNT - i : i) * 0x2000, OBJECT_PAGE, PF_R, heap_bytes + i % OBJECT_PAGE, 8);
        const char *path = save_core(core, "core");
        clock_t begun = clock();
        struct spprof_target *target = open_core(path);
        for (uint64_t i = 0; i < COUNT; i++) {
            uint8_t bytes[8];
            uint64_t address = heap + 0x100000 + (reversed ? COUNT - i : i) * 0x2000;
            assert_int_equal(target_try_read(target, address, bytes, 8), SPPROF_READ_OK);
            assert_memory_equal(bytes, heap_bytes + i % OBJECT_PAGE, 8);
        }
        const struct spprof_modules *modules;
        assert_null(target_modules(target, &modules));
        assert_in_range((clock() - begun) * 1000 / CLOCKS_PER_SEC, 0, 2000);
        assert_int_equal(target->problems.count, 0);
        spprof_target_close(target);
    }
}

static void test_lying_notes(void **state)
{
    (void)state;
    static const uint64_t many[] = {UINT64_MAX / 24 + 3, OBJECT_PAGE, 1, 2, 3};
    static const uint64_t no_names[] = {1, OBJECT_PAGE, 0x1000, 0x2000, 0};
    static const uint64_t wide[] = {1, UINT64_MAX, 0x1000, 0x2000, 7, 0x2f};
    const uint64_t registers[27] = {0};
    for (int lie = 0; lie < 8; lie++) {
        struct made_core *core = make_plain_core();
        switch (lie) {
        case 0: add_note(core, "CORE", NT_FILE, many, sizeof many); break;
        case 1: add_note(core, "CORE", NT_FILE, no_names, sizeof no_names); break;
        case 2: add_note(core, "CORE", NT_FILE, wide, sizeof wide); break;
        case 3: add_note(core, "CORE", NT_FILE, many, 3); break;
        case 4: add_note(core, "CORE", NT_PRSTATUS, many, sizeof many); break;
        case 5: add_note(core, "CORE", NT_AUXV, many, 7); break;
        case 6: add_note(core, "CORE", NT_SIGINFO, many, 2); break;
        case 7: add_note(core, "VENDOR", NT_PRSTATUS, many, sizeof many); break;
        }
        add_thread(core, 200, 0, registers);
        struct spprof_target *target = open_core(save_core(core, "core"));
        struct spprof_native_threads threads = threads_of(target);
        assert_int_equal(threads.count, 2);
        const struct spprof_modules *modules;
        assert_null(target_modules(target, &modules));
        assert_int_equal(modules->count, 0);
        spprof_native_threads_free(&threads);
        spprof_target_close(target);
    }
    struct made_core *core = make_plain_core();
    size_t whole = core->notes_size;
    const Elf64_Nhdr endless = {.n_namesz = UINT32_MAX, .n_descsz = UINT32_MAX, .n_type = NT_PRSTATUS};
    memcpy(core->notes + whole, &endless, sizeof endless);
    core->notes_size += sizeof endless;
    struct spprof_target *target = open_core(save_core(core, "core"));
    assert_int_equal(target->pid, 100); /* what precedes is kept */
    spprof_target_close(target);
}

/* Files that are no cores */

static void assert_refuses_header(Elf64_Ehdr header, const char *text)
{
    assert_open_fails(save_file("core", &header, sizeof header), SPPROF_ERROR_BAD_FILE, text);
}

static void test_no_cores(void **state)
{
    (void)state;
    assert_open_fails(made_path("nothing"), SPPROF_ERROR_NOT_FOUND, "No such file or directory");
    assert_open_fails(made_directory, SPPROF_ERROR_BAD_FILE, "is a directory");
    assert_open_fails("/dev/zero", SPPROF_ERROR_BAD_FILE, "is no regular file");
    assert_open_fails(save_file("empty", "", 0), SPPROF_ERROR_BAD_FILE, "is empty");
    assert_open_fails(save_file("text", "not a core file, but long enough to hold the header of one, as it seems", 70), SPPROF_ERROR_BAD_FILE,
                      "is no core file");
    assert_open_fails("/proc/self/exe", SPPROF_ERROR_BAD_FILE, "the order is CORE [EXE]");

    struct made_core *made = make_core(EM_S390);
    Elf64_Ehdr header = made->header;
    free_core(made);
    assert_refuses_header(header, "is a core of s390x (ELF machine 22); spprof reads x86-64 and aarch64");
    header.e_ident[EI_DATA] = ELFDATA2MSB;
    header.e_type = __builtin_bswap16(ET_CORE);
    header.e_machine = __builtin_bswap16(EM_S390);
    assert_refuses_header(header, "is a core of s390x (ELF machine 22)");
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_CORE;
    header.e_machine = EM_386;
    header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refuses_header(header, "is a core of 32-bit x86");
    header.e_machine = EM_X86_64;
    assert_refuses_header(header, "x32");
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_type = ET_REL;
    assert_refuses_header(header, "is an ELF file, but no core file");
    header.e_type = ET_CORE;
    header.e_phoff = 1u << 30;
    assert_refuses_header(header, "has no program headers");

    if (geteuid() != 0) {
        assert_int_equal(chmod(save_file("closed", "x", 1), 0), 0);
        assert_open_fails(made_path("closed"), SPPROF_ERROR_PERMISSION, "as that user or as root");
    }
}

/* Cut off behind its headers and notes after it was opened, as by a full disk, or by one who copies over it. */
static void test_becomes_shorter(void **state)
{
    (void)state;
    const char *path = save_core(make_plain_core(), "shrinking");
    struct spprof_target *target = open_core(path);
    assert_status(target, heap, sizeof heap_bytes, SPPROF_READ_OK);
    assert_int_equal(truncate(path, 2048), 0);
    assert_status(target, heap, sizeof heap_bytes, SPPROF_READ_TRUNCATED);
    assert_problem(target, "became shorter while it was read");
    spprof_target_close(target);
}

/* A disk that fails, played by a directory in place of the file: the kernel refuses to read either. */
static void test_fails_to_be_read(void **state)
{
    (void)state;
    struct spprof_target *target = open_core(save_core(make_plain_core(), "failing"));
    int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dup2(directory, core_of(target)->fd) >= 0);
    close(directory);
    assert_status(target, heap, sizeof heap_bytes, SPPROF_READ_TRUNCATED);
    assert_problem(target, "could not be read to its end: Is a directory");
    spprof_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lying_program_headers), cmocka_unit_test(test_many_segments),
        cmocka_unit_test(test_lying_notes),           cmocka_unit_test(test_no_cores),
        cmocka_unit_test(test_becomes_shorter),       cmocka_unit_test(test_fails_to_be_read),
    };
    return cmocka_run_group_tests(tests, make_contents, remove_directory);
}
