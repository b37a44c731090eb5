/* Core files made by hand: what a kernel, gcore and qemu write. */
#include "made_cores.h"

#include "target/open_in_root.h"

/* Threads and signals */

static void test_threads(void **state)
{
    (void)state;
    struct made_core *core = make_core(EM_X86_64);
    uint64_t registers[27] = {0};
    add_thread(core, 100, SIGSEGV, registers);
    add_process(core, 101, "python3", "python3 -m app");
    add_signal(core, SIGSEGV, SEGV_MAPERR, 0x1234);
    registers[10] = (uint64_t)-512; /* rax: to be restarted */
    registers[14] = 0xf00;
    registers[15] = 202;
    registers[21] = 0xabc000;
    add_thread(core, 101, 0, registers);
    registers[10] = 0; /* the call has ended */
    add_thread(core, 102, 0, registers);
    registers[15] = UINT64_MAX; /* no call */
    add_thread(core, 103, 0, registers);

    struct spprof_target *target = open_core(save_core(core, "core"));
    assert_true(target->kind == SPPROF_TARGET_CORE && target->architecture == SPPROF_X86_64 && target->pointer_size == 8);
    assert_true(target->pid == 101 && target->signal == SIGSEGV);
    assert_string_equal(target->executable, "python3");
    struct spprof_native_threads threads = threads_of(target);
    assert_int_equal(threads.count, 4);
    const struct spprof_native_thread *thread = threads.items;
    assert_true(thread[0].tid == 100 && thread[0].signal == SIGSEGV && thread[0].has_fault_address && thread[0].fault_address == 0x1234);
    assert_string_equal(thread[0].name, ""); /* only the leader's is known */
    assert_int_equal(thread[0].activity, SPPROF_ACTIVITY_RUNNING);
    assert_string_equal(thread[1].name, "python3");
    assert_true(thread[1].activity == SPPROF_ACTIVITY_IDLE && thread[1].in_system_call && thread[1].system_call == 202);
    assert_true(thread[1].system_call_argument == 0xf00 && thread[1].thread_pointer == 0xabc000 && thread[1].signal == 0);
    assert_true(thread[2].activity == SPPROF_ACTIVITY_RUNNING && !thread[2].in_system_call);
    assert_true(thread[3].activity == SPPROF_ACTIVITY_RUNNING && thread[3].target_tid == 103);
    spprof_native_threads_free(&threads);
    spprof_target_close(target);
}

/* One thread and its signal, by the kernel or by a debugger. */
static struct spprof_native_thread thread_after(int signal, int code, bool debugger, int *of_process)
{
    struct made_core *core = make_core(EM_X86_64);
    const uint64_t registers[27] = {0};
    add_thread(core, 100, (int16_t)signal, registers);
    add_signal(core, signal, code, 0x5678);
    core->header.e_shstrndx = debugger ? 1 : 0;
    struct spprof_target *target = open_core(save_core(core, "core"));
    struct spprof_native_threads threads = threads_of(target);
    struct spprof_native_thread thread = threads.items[0];
    *of_process = target->signal;
    spprof_native_threads_free(&threads);
    spprof_target_close(target);
    return thread;
}

static void test_signals(void **state)
{
    (void)state;
    enum { FROM_KERNEL = 0x80 };
    static const struct {
        int signal, code;
        bool debugger;
        int expected;
        bool address;
    } cases[] = {
        {SIGSEGV, SEGV_ACCERR, false, SIGSEGV, true},
        {SIGSEGV, SI_USER, false, SIGSEGV, false}, /* sent by kill: where si_addr would be stands a PID */
        {SIGSEGV, SI_TKILL, false, SIGSEGV, false},
        {SIGSEGV, FROM_KERNEL, false, SIGSEGV, false}, /* an address that is none */
        {SIGABRT, SI_TKILL, false, SIGABRT, false},
        {SIGQUIT, SI_USER, false, SIGQUIT, false},
        {SIGTRAP, 1, false, SIGTRAP, false},
        {SIGSTOP, SI_USER, true, 0, false},
        {SIGTRAP, 1, true, 0, false},
        {SIGINT, SI_USER, true, 0, false},
        {SIGBUS, 1, true, SIGBUS, true},
        {SIGABRT, SI_TKILL, true, SIGABRT, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int signal;
        struct spprof_native_thread thread = thread_after(cases[i].signal, cases[i].code, cases[i].debugger, &signal);
        assert_int_equal(signal, cases[i].expected);
        assert_int_equal(thread.signal, cases[i].expected);
        assert_int_equal(thread.has_fault_address, cases[i].address);
        assert_true(thread.fault_address == (cases[i].address ? 0x5678 : 0));
    }
}

static void test_aarch64_threads(void **state)
{
    (void)state;
    static const uint32_t code[] = {0xd503201f, 0xd4000001, 0xd503201f, 0xd503201f}; /* nop, svc, nop, nop */
    static const int32_t none = -1, futex = 98;
    static const uint64_t tls = 0x7777000;
    struct made_core *core = make_core(EM_AARCH64);
    uint64_t registers[34] = {[0] = 0xf00, [8] = 98};
    enum { PC = 32 };
    registers[PC] = heap;
    add_thread(core, 1, SIGABRT, registers);
    add_signal(core, SIGABRT, SI_TKILL, 0);
    for (int32_t tid = 2; tid <= 5; tid++) {
        registers[PC] = tid == 2 ? heap + 4 : tid == 3 ? heap + 8 : tid == 4 ? heap + 12 : 0x10; /* at svc, behind it, elsewhere, unmapped */
        registers[0] = tid == 3 ? (uint64_t)-4 : 0xf00;
        add_thread(core, tid, 0, registers);
        add_note(core, "LINUX", NT_ARM_TLS, &tls, sizeof tls);
        add_note(core, "LINUX", 0x404, &none, sizeof none);
    }
    add_thread(core, 6, 0, registers);
    add_note(core, "LINUX", 0x404, &futex, sizeof futex);
    add_load(core, heap, OBJECT_PAGE, PF_R | PF_X, code, sizeof code);

    struct spprof_target *target = open_core(save_core(core, "core"));
    struct spprof_native_threads threads = threads_of(target);
    const struct spprof_native_thread *thread = threads.items;
    assert_int_equal(target->architecture, SPPROF_AARCH64);
    assert_int_equal(threads.count, 6);
    assert_true(thread[1].activity == SPPROF_ACTIVITY_IDLE && thread[1].in_system_call && thread[1].system_call == 98);
    assert_true(thread[1].system_call_argument == 0xf00 && thread[1].thread_pointer == tls);
    assert_true(thread[2].activity == SPPROF_ACTIVITY_IDLE && !thread[2].in_system_call);
    assert_true(thread[3].activity == SPPROF_ACTIVITY_RUNNING && !thread[3].in_system_call);
    assert_true(thread[4].activity == SPPROF_ACTIVITY_UNKNOWN && !thread[4].in_system_call);
    assert_true(thread[5].activity == SPPROF_ACTIVITY_IDLE && !thread[5].in_system_call);
    spprof_native_threads_free(&threads);
    spprof_target_close(target);
}

/* Reading */

static void test_reads(void **state)
{
    (void)state;
    static uint8_t buffer[sizeof heap_bytes];
    struct made_core *core = make_plain_core();
    add_load(core, heap + sizeof heap_bytes, OBJECT_PAGE, PF_R | PF_W, heap_bytes, 16); /* joins; only 16 bytes are in the file */
    struct spprof_target *target = open_core(save_core(core, "core"));
    assert_int_equal(target_try_read(target, heap, buffer, sizeof heap_bytes), SPPROF_READ_OK);
    assert_memory_equal(buffer, heap_bytes, sizeof heap_bytes);
    assert_int_equal(target_try_read(target, heap + sizeof heap_bytes - 8, buffer, 24), SPPROF_READ_OK); /* of two segments */
    assert_memory_equal(buffer, heap_bytes + sizeof heap_bytes - 8, 8);
    assert_memory_equal(buffer + 8, heap_bytes, 16);
    assert_status(target, heap + sizeof heap_bytes + 15, 2, SPPROF_READ_NOT_IN_CORE);
    assert_status(target, heap + sizeof heap_bytes + 0x800, 1, SPPROF_READ_NOT_IN_CORE);
    assert_status(target, heap + sizeof heap_bytes + OBJECT_PAGE, 1, SPPROF_READ_UNMAPPED);
    assert_status(target, heap - 1, 2, SPPROF_READ_UNMAPPED);
    assert_status(target, 0, 8, SPPROF_READ_UNMAPPED);
    assert_status(target, UINT64_MAX - 3, 8, SPPROF_READ_UNMAPPED);
    assert_status(target, 0, 0, SPPROF_READ_OK);
    assert_int_equal(target->problems.count, 0);

    uint64_t calls = target->read_calls;
    uint64_t bytes = target->read_bytes;
    struct spprof_range ranges[] = {
        {.address = heap, .size = 8, .buffer = buffer},
        {.address = 1, .size = 8, .buffer = buffer + 8},
        {.address = heap + 8, .size = 8, .buffer = buffer + 16},
    };
    target_read_many(target, ranges, 3);
    assert_true(ranges[0].status == SPPROF_READ_OK && ranges[1].status == SPPROF_READ_UNMAPPED && ranges[2].status == SPPROF_READ_OK);
    assert_memory_equal(buffer + 16, heap_bytes + 8, 8);
    assert_true(target->read_calls == calls + 1 && target->read_bytes == bytes + 16);

    struct spprof_error *error = target_read(target, 0x10, buffer, 8);
    assert_int_equal(error->kind, SPPROF_ERROR_UNREADABLE);
    assert_non_null(strstr(error->message, "0x10 is not mapped"));
    spprof_error_free(error);
    spprof_target_close(target);
}

static void test_truncated(void **state)
{
    (void)state;
    size_t size;
    struct made_core *made = make_plain_core();
    uint8_t *bytes = core_bytes(made, &size);
    const char *path = save_file("core", bytes, size - OBJECT_PAGE - 8);
    struct spprof_target *target = open_core(path);
    assert_problem(target, "was cut short: the file ends after ");
    assert_status(target, heap, OBJECT_PAGE - 8, SPPROF_READ_OK);
    assert_status(target, heap + OBJECT_PAGE - 16, 9, SPPROF_READ_TRUNCATED);
    assert_status(target, heap + OBJECT_PAGE, 1, SPPROF_READ_TRUNCATED);
    struct spprof_native_threads threads = threads_of(target);
    assert_int_equal(threads.count, 1);
    spprof_native_threads_free(&threads);
    spprof_target_close(target);

    /* However early it ends, it is an error with a message or a core with problems. */
    for (size_t end = 1; end < size - sizeof heap_bytes; end++) {
        struct spprof_error *error = spprof_core_open(save_file("core", bytes, end), NULL, &target);
        if (error == NULL) {
            assert_in_range(target->problems.count, 1, 3);
            assert_status(target, heap, 8, end < 64 + 2 * 56 ? SPPROF_READ_UNMAPPED : SPPROF_READ_TRUNCATED);
        }
        spprof_error_free(error);
        spprof_target_close(target);
    }
    free(bytes);
    free_core(made);
}

/* Pages that the core leaves out */

static void test_pages_from_the_executable(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    const char *path = save_file("program", &object, sizeof object);
    struct spprof_target *target = open_core(save_core(make_core_of(path, OBJECT_PAGE), "core"));
    assert_string_equal(target->executable, path);
    assert_reads_data(target);
    assert_status(target, program + OBJECT_PAGE - 8, 8, SPPROF_READ_OK);
    assert_status(target, program + OBJECT_PAGE, 8, SPPROF_READ_UNMAPPED); /* a hole between its segments */
    uint8_t both[16]; /* the end of the data, from the file, and the beginning of .bss, from the core */
    assert_int_equal(target_try_read(target, program + OBJECT_DATA + OBJECT_PAGE - 8, both, 16), SPPROF_READ_OK);
    assert_memory_equal(both + 8, heap_bytes, 8);
    assert_int_equal(target->problems.count, 0);
    spprof_target_close(target);
}

static void test_modules_and_symbols(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    char marked[600];
    const char *path = save_file("program", &object, sizeof object);
    snprintf(marked, sizeof marked, "%s (deleted)", path);
    struct spprof_target *target = open_core(save_core(make_core_of(marked, OBJECT_PAGE), "core"));
    const struct spprof_modules *modules;
    uint64_t address = 0, size;
    int fd;
    assert_null(target_modules(target, &modules));
    assert_int_equal(modules->count, 1);
    const struct spprof_module *module = &modules->items[0];
    assert_string_equal(module->path, path);
    assert_string_equal(target->executable, path);
    assert_true(module->deleted && module->main && module->bias == program && module->end == program + OBJECT_END);
    assert_int_equal(module->mapping_count, 3);
    assert_true(module->mappings[0].executable && module->mappings[1].writable && module->mappings[2].anonymous);
    assert_int_equal(module->build_id_size, 20);
    assert_null(target->ops->find_symbol(target, module, "present", &address));
    assert_true(address == program + OBJECT_PRESENT);
    struct spprof_error *error = target->ops->find_symbol(target, module, "absent", &address);
    assert_int_equal(error->kind, SPPROF_ERROR_NOT_FOUND);
    spprof_error_free(error);
    error = target->ops->find_section(target, module, ".PyRuntime", &address, &size);
    assert_int_equal(error->kind, SPPROF_ERROR_NOT_FOUND);
    spprof_error_free(error);
    assert_null(target->ops->open_module(target, module, &fd));
    close(fd);
    spprof_target_close(target);
}

static void test_wrong_and_missing_files(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    const char *path = made_path("program");
    struct made_object other;
    make_object(&other, EM_X86_64, 2);
    save_file("program", &other, sizeof other);
    const char *core = save_core(make_core_of(path, OBJECT_PAGE), "core");

    struct spprof_target *target = open_core(core);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_problem(target, "is another build: its build id is 0202");
    assert_problem(target, "that in the core 0101");
    assert_int_equal(target->problems.count, 1); /* told once */
    spprof_target_close(target);

    make_object(&other, EM_AARCH64, 1);
    save_file("program", &other, sizeof other);
    target = open_core(core);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_problem(target, "is for another machine");
    spprof_target_close(target);

    assert_int_equal(unlink(path), 0);
    target = open_core(core);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_problem(target, "No such file or directory");
    assert_problem(target, "EXE");
    spprof_target_close(target);

    assert_int_equal(mkfifo(path, 0600), 0); /* a core may name anything */
    target = open_core(core);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_problem(target, "is no regular file");
    spprof_target_close(target);
    assert_int_equal(unlink(path), 0);
}

static void test_executable_of_the_user(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    const char *core = save_core(make_core_of("/no/such/program", OBJECT_PAGE), "core");
    struct spprof_target *target = open_core_with(core, save_file("elsewhere", &object, sizeof object), NULL);
    assert_reads_data(target);
    assert_int_equal(target->problems.count, 0);
    assert_string_equal(target->executable, "/no/such/program");
    spprof_target_close(target);

    struct made_object other;
    make_object(&other, EM_X86_64, 2);
    target = open_core_with(core, save_file("other", &other, sizeof other), NULL);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_problem(target, "other is another build");
    spprof_target_close(target);

    struct spprof_core_options missing = {.executable = made_path("nothing")};
    struct spprof_error *error = spprof_core_open(core, &missing, &target);
    assert_int_equal(error->kind, SPPROF_ERROR_NOT_FOUND);
    spprof_error_free(error);
    missing = (struct spprof_core_options){.sysroot = made_path("nothing")};
    error = spprof_core_open(core, &missing, &target);
    assert_int_equal(error->kind, SPPROF_ERROR_NOT_FOUND);
    spprof_error_free(error);
}

/* A core whose first pages were not dumped has no build id: only what the user names is believed, and that is told. */
static void test_no_build_id_in_core(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    const char *path = save_file("program", &object, sizeof object);
    const char *core = save_core(make_core_of(path, 0), "core");
    struct spprof_target *target = open_core(core);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_problem(target, "may be another build");
    spprof_target_close(target);

    target = open_core_with(core, path, NULL);
    assert_reads_data(target);
    assert_problem(target, "is used unchecked");
    spprof_target_close(target);

    target = open_core_with(core, NULL, "/");
    assert_reads_data(target);
    assert_problem(target, "are used unchecked");
    spprof_target_close(target);
}

/* A header without a build id still tells another build by its shape. */
static void test_other_shape(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    object.note.header.n_type = 77;
    const char *core = save_core(make_core_of("/no/such/program", OBJECT_PAGE), "core");
    struct made_object other = object;
    other.segments[1].p_filesz -= 8;
    struct spprof_target *target = open_core_with(core, save_file("program", &other, sizeof other), NULL);
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    assert_problem(target, "its program headers differ");
    spprof_target_close(target);
    target = open_core_with(core, save_file("program", &object, sizeof object), NULL);
    assert_reads_data(target);
    spprof_target_close(target);
}

/* With a coredump_filter that leaves written memory out, a file cannot tell what a page held. */
static void test_written_memory_left_out(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    const char *path = save_file("program", &object, sizeof object);
    struct made_core *core = make_core_of(path, OBJECT_PAGE);
    for (size_t i = 0; i < core->load_count; i++)
        if ((core->loads[i].p_flags & PF_W) != 0)
            core->loads[i].p_filesz = 0;
    struct spprof_target *target = open_core(save_core(core, "core"));
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    spprof_target_close(target);
}

static void test_sysroot(void **state)
{
    (void)state;
    make_object(&object, EM_X86_64, 1);
    struct spprof_target *target;
    int fd;
    int64_t started_at = 1;
    assert_int_equal(mkdir(made_path("root"), 0755), 0);
    assert_int_equal(mkdir(made_path("root/usr"), 0755), 0);
    assert_int_equal(symlink("/usr", made_path("root/link")), 0); /* absolute, and yet within */
    assert_int_equal(symlink("../../../../../../outside", made_path("root/usr/escape")), 0);
    assert_int_equal(symlink("loop", made_path("root/loop")), 0);
    save_file("root/usr/program", &object, sizeof object);
    save_file("outside", "secret", 6);

    const char *core = save_core(make_core_of("/link/../link/program", OBJECT_PAGE), "core");
    target = open_core_with(core, NULL, made_path("root"));
    assert_reads_data(target);
    assert_null(target->ops->open_file(target, "/usr/program", &fd, &started_at));
    assert_true(started_at == 0);
    close(fd);
    struct spprof_error *error = target->ops->open_file(target, "/usr/escape", &fd, &started_at);
    assert_non_null(error);
    spprof_error_free(error);
    spprof_target_close(target);
    target = open_core(core); /* not without the sysroot */
    assert_status(target, program_data, 8, SPPROF_READ_NOT_IN_CORE);
    spprof_target_close(target);
}

static void test_open_in_root(void **state)
{
    (void)state;
    struct spprof_error *(*const ways[])(const char *, const char *, int *) = {target_open_in_root, target_open_in_root_by_steps};
    for (size_t i = 0; i < 2; i++) {
        static const char *const good[] = {"/usr/program", "usr//./program", "/link/program", "/../../usr/../usr/program", "/link/../usr/program"};
        static const char *const bad[] = {"/usr/escape", "/loop", "/usr", "/usr/program/x", "/../outside", "", "/"};
        int fd;
        for (size_t j = 0; j < sizeof good / sizeof good[0]; j++) {
            struct spprof_error *error = ways[i](made_path("root"), good[j], &fd);
            if (error != NULL)
                fail_msg("%s", error->message);
            struct stat status;
            assert_int_equal(fstat(fd, &status), 0);
            assert_int_equal(status.st_size, OBJECT_SIZE);
            close(fd);
        }
        for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
            struct spprof_error *error = ways[i](made_path("root"), bad[j], &fd);
            assert_non_null(error);
            assert_int_equal(fd, -1);
            spprof_error_free(error);
        }
    }
}

/* qemu-user writes no NT_FILE and no page of headers: the dynamic linker's list tells what was mapped. */
static void test_linked_modules(void **state)
{
    (void)state;
    enum { LINKER = 0x10000000, LIBRARY = 0x20000000 };
    static struct {
        char path[32];
        int32_t version;
        uint64_t map, function, status, base;
        struct {
            uint64_t bias, name, dynamic, next, previous;
        } maps[2];
        char library[32];
        uint8_t rest[OBJECT_PAGE - 184];
    } linker;
    _Static_assert(sizeof linker == OBJECT_PAGE, "a whole page");
    const uint64_t at = LINKER + OBJECT_PAGE;
    strcpy(linker.path, "/bin/program");
    linker.version = 1;
    linker.map = at + 32 + 40;
    linker.base = LINKER;
    linker.maps[0].bias = program;
    linker.maps[0].dynamic = program + OBJECT_DATA;
    linker.maps[0].next = linker.map + 40;
    linker.maps[1].bias = LIBRARY;
    linker.maps[1].dynamic = LIBRARY + OBJECT_DATA;
    linker.maps[1].previous = linker.map;
    linker.maps[1].name = linker.map + 80;
    strcpy(linker.library, "/lib/library.so");

    make_object(&object, EM_AARCH64, 1);
    struct made_core *core = make_core(EM_AARCH64);
    const uint64_t registers[34] = {0};
    const uint64_t vector[] = {AT_ENTRY, program + OBJECT_ENTRY, AT_PHDR, program + 64, AT_BASE, LINKER, AT_EXECFN, at, AT_NULL, 0};
    add_thread(core, 7, SIGABRT, registers);
    add_process(core, 7, "program", "program");
    add_note(core, "CORE", NT_AUXV, vector, sizeof vector);
    add_load(core, LINKER, OBJECT_PAGE, PF_R | PF_X, NULL, 0);
    add_load(core, at, OBJECT_PAGE, PF_R | PF_W, &linker, sizeof linker);
    for (int i = 0; i < 2; i++) {
        uint64_t start = i == 0 ? LIBRARY : program;
        add_load(core, start, OBJECT_PAGE, PF_R | PF_X, NULL, 0);
        add_load(core, start + OBJECT_PAGE, OBJECT_PAGE, 0, NULL, 0);
        add_load(core, start + OBJECT_DATA, 3 * OBJECT_PAGE, PF_R | PF_W, object.dynamic, OBJECT_PAGE);
    }
    const char *path = save_core(core, "core");

    struct spprof_target *target = open_core(path);
    const struct spprof_modules *modules;
    assert_null(target_modules(target, &modules));
    assert_string_equal(target->executable, "/bin/program");
    assert_true(target->pid == 7 && target->signal == SIGABRT);
    assert_int_equal(modules->count, 2);
    assert_string_equal(modules->items[0].path, "/lib/library.so");
    assert_string_equal(modules->items[1].path, "/bin/program");
    assert_true(modules->items[1].main && modules->items[1].start == program && modules->items[1].bias == program);
    assert_true(modules->items[1].end == program + OBJECT_END);
    struct spprof_native_threads threads = threads_of(target);
    assert_int_equal(threads.items[0].activity, SPPROF_ACTIVITY_RUNNING);
    spprof_native_threads_free(&threads);
    spprof_target_close(target);

    uint64_t address;
    target = open_core_with(path, save_file("program", &object, sizeof object), NULL);
    assert_null(target_modules(target, &modules));
    assert_null(target->ops->find_symbol(target, &modules->items[1], "present", &address));
    assert_true(address == program + OBJECT_PRESENT);
    assert_status(target, program + OBJECT_STRINGS, 8, SPPROF_READ_OK);
    assert_problem(target, "is used unchecked");
    spprof_target_close(target);

    object.header.e_entry += 16;
    target = open_core_with(path, save_file("program", &object, sizeof object), NULL);
    assert_problem(target, "its entry point is not where the core has it");
    spprof_target_close(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_aarch64_threads),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_pages_from_the_executable),
        cmocka_unit_test(test_modules_and_symbols),
        cmocka_unit_test(test_wrong_and_missing_files),
        cmocka_unit_test(test_executable_of_the_user),
        cmocka_unit_test(test_no_build_id_in_core),
        cmocka_unit_test(test_other_shape),
        cmocka_unit_test(test_written_memory_left_out),
        cmocka_unit_test(test_sysroot),
        cmocka_unit_test(test_open_in_root),
        cmocka_unit_test(test_linked_modules),
    };
    return cmocka_run_group_tests(tests, make_contents, remove_directory);
}
