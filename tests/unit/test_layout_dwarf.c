/*
 * The layout from debug information. The structures below have CPython's names and not quite CPython's shape; the debug information read
 * is this test's own, from its file and from separate files made of it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <elfutils/libdwelf.h>

#include "base/cleanup.h"
#include "layout/dwarf.h"

typedef struct _ts PyThreadState; /* declared before it is defined, as in CPython */
typedef struct _is PyInterpreterState;

typedef const PyThreadState qualified_thread_state; /* qualifiers and typedefs on the way */
typedef qualified_thread_state other_thread_state;

struct _gil_runtime_state {
    char filler[40];
    PyThreadState *last_holder;
    int locked;
};

struct _is {
    char filler[24];
    union { /* anonymous members inside anonymous members */
        long other;
        struct {
            int unused;
            int64_t id;
        };
    };
    struct threads {
        uint64_t next_unique_id;
        PyThreadState *head;
    } threads;
    struct _ceval_state {
        char filler[3];
        struct _gil_runtime_state *gil;
    } ceval;
};

struct _ts {
    PyThreadState *next, *prev;
    PyInterpreterState *interp;
    struct {
        unsigned bit : 1;
    } _status;
    PyThreadState *frame; /* the older name of current_frame */
};

typedef struct {
    long ob_refcnt;
    void *ob_type;
} PyObject;

/* Of the same names as structures of CPython that have no prefix. */
typedef struct {
    PyObject ob_base;
    void *other;
} rangeobject;

static __attribute__((used)) struct {
    other_thread_state *thread;
    PyInterpreterState *interpreter;
    PyObject object;
    rangeobject range;
} uses;

struct files {
    struct spprof_target target;
    struct spprof_module module;
    char own[128];      /* the file of the module */
    char separate[128]; /* what stands at path */
    char path[4096];
};

static struct spprof_error *open_path(const char *path, int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd >= 0 ? NULL : spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s cannot be opened", path);
}

static struct files *files_of(struct spprof_target *target)
{
    return (struct files *)((char *)target - offsetof(struct files, target));
}

static struct spprof_error *open_module(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    (void)module;
    return open_path(files_of(target)->own, fd);
}

static struct spprof_error *open_file(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    struct files *files = files_of(target);
    *started_at = 0;
    return strcmp(path, files->path) == 0 ? open_path(files->separate, fd) : spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s: none", path);
}

static const struct spprof_target_ops file_ops = {.open_module = open_module, .open_file = open_file};
static char module_path[] = "/opt/python/bin/python3";

static void end_elf(Elf **elf)
{
    elf_end(*elf);
}

static size_t read_build_id(const char *path, uint8_t id[64])
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    CLEANUP(end_elf) Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *found;
    ssize_t size = elf != NULL ? dwelf_elf_gnu_build_id(elf, &found) : -1;
    if (size <= 0 || size > 64)
        return 0;
    memcpy(id, found, (size_t)size);
    return (size_t)size;
}

static struct files files_for(const char *own)
{
    struct files files = {.target = {.ops = &file_ops}, .module = {.path = module_path}};
    snprintf(files.own, sizeof files.own, "%s", own);
    files.module.build_id_size = read_build_id(own, files.module.build_id);
    return files;
}

static bool has_debug_information(void)
{
    struct files files = files_for("/proc/self/exe");
    struct dwarf_offsets offsets;
    struct spprof_error *error = layout_dwarf_offsets_read(&files.target, &files.module, NULL, &offsets);
    bool has = error == NULL;
    spprof_error_free(error);
    layout_dwarf_offsets_free(&offsets);
    return has;
}

static void assert_is_ours(const struct dwarf_offsets *offsets)
{
    struct layout layout;
    memcpy(layout.offset, offsets->offset, sizeof layout.offset);
    assert_int_equal(LAYOUT(&layout, thread_state, next), offsetof(PyThreadState, next));
    assert_int_equal(LAYOUT(&layout, thread_state, prev), offsetof(PyThreadState, prev));
    assert_int_equal(LAYOUT(&layout, thread_state, size), sizeof(PyThreadState));
    assert_int_equal(LAYOUT(&layout, thread_state, current_frame), offsetof(PyThreadState, frame));
    assert_int_equal(LAYOUT(&layout, thread_state, cframe), LAYOUT_ABSENT);
    assert_int_equal(LAYOUT(&layout, interpreter, id), offsetof(PyInterpreterState, id));
    assert_int_equal(LAYOUT(&layout, interpreter, threads_head), offsetof(PyInterpreterState, threads.head));
    assert_int_equal(LAYOUT(&layout, interpreter, gil), offsetof(PyInterpreterState, ceval.gil));
    assert_int_equal(LAYOUT(&layout, gil, last_holder), offsetof(struct _gil_runtime_state, last_holder));
    assert_int_equal(LAYOUT(&layout, gil, locked), offsetof(struct _gil_runtime_state, locked));
    assert_int_equal(LAYOUT(&layout, object, type), offsetof(PyObject, ob_type));
    assert_int_equal(LAYOUT(&layout, object, size), sizeof(PyObject));
    assert_int_equal(LAYOUT(&layout, code, name), LAYOUT_ABSENT);
    assert_int_equal(offsets->found, 12);
}

static void test_own_file(void **state)
{
    (void)state;
    if (!has_debug_information())
        skip();
    struct files files = files_for("/proc/self/exe");
    struct dwarf_offsets offsets;
    assert_null(layout_dwarf_offsets_read(&files.target, &files.module, NULL, &offsets));
    assert_string_equal(offsets.file, module_path);
    assert_is_ours(&offsets);
    layout_dwarf_offsets_free(&offsets);
}

static void test_stops_when_all_wanted_is_found(void **state)
{
    (void)state;
    if (!has_debug_information())
        skip();
    struct files files = files_for("/proc/self/exe");
    struct dwarf_offsets offsets;
    int32_t wanted[LAYOUT_FIELD_COUNT];
    for (enum layout_field field = 0; field < LAYOUT_FIELD_COUNT; field++)
        wanted[field] = field == FIELD_thread_state_next ? 8 : LAYOUT_ABSENT;
    assert_null(layout_dwarf_offsets_read(&files.target, &files.module, wanted, &offsets));
    assert_int_equal(offsets.offset[FIELD_thread_state_next], offsetof(PyThreadState, next));
    layout_dwarf_offsets_free(&offsets);
}

/* Runs a shell command on the files of a folder; false where it cannot be, as without objcopy. */
static bool shell(const char *folder, const char *commands)
{
    char line[512];
    snprintf(line, sizeof line, "cd %s && { %s; } >/dev/null 2>&1", folder, commands);
    return system(line) == 0;
}

/* This test's file as `stripped`, its debug information as `debug`. */
static char *separate_files(void)
{
    static char folder[32];
    char copy[256];
    strcpy(folder, "/tmp/spprof-dwarf-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return NULL;
    snprintf(copy, sizeof copy,
             "cp /proc/%d/exe all && objcopy --only-keep-debug all debug && objcopy --strip-debug --add-gnu-debuglink=debug all stripped",
             (int)getpid());
    return shell(folder, copy) ? folder : NULL;
}

/* Reads the stripped file's debug information, with the file `name` of the folder standing at path. */
static struct spprof_error *read_separate(const char *folder, const char *name, const char *path, struct dwarf_offsets *offsets)
{
    char own[64];
    snprintf(own, sizeof own, "%s/stripped", folder);
    struct files files = files_for(own);
    snprintf(files.separate, sizeof files.separate, "%s/%s", folder, name);
    snprintf(files.path, sizeof files.path, "%s", path);
    return layout_dwarf_offsets_read(&files.target, &files.module, NULL, offsets);
}

static void assert_read_at(const char *folder, const char *path)
{
    struct dwarf_offsets offsets;
    struct spprof_error *error = read_separate(folder, "debug", path, &offsets);
    if (error != NULL)
        fail_msg("%s: %s", path, error->message);
    assert_string_equal(offsets.file, path);
    assert_is_ours(&offsets);
    layout_dwarf_offsets_free(&offsets);
}

static void assert_not_found(const char *folder, const char *name, const char *path)
{
    struct dwarf_offsets offsets;
    struct spprof_error *error = read_separate(folder, name, path, &offsets);
    assert_non_null(error);
    assert_int_equal(error->kind, SPPROF_ERROR_NOT_FOUND);
    spprof_error_free(error);
}

static void test_separate_file(void **state)
{
    (void)state;
    uint8_t id[64];
    char by_id[256] = "/usr/lib/debug/.build-id/", all[64];
    char *folder = has_debug_information() ? separate_files() : NULL;
    if (folder == NULL)
        skip();
    snprintf(all, sizeof all, "%s/all", folder);
    size_t size = read_build_id(all, id);
    for (size_t i = 0; i < size; i++)
        sprintf(by_id + strlen(by_id), i == 0 ? "%02x/" : "%02x", id[i]);
    strcat(by_id, ".debug");
    if (size > 0) {
        assert_read_at(folder, by_id);
        assert_read_at(folder, "/opt/python/bin/debug");
        assert_read_at(folder, "/opt/python/bin/.debug/debug");
        assert_read_at(folder, "/usr/lib/debug/opt/python/bin/debug");
        assert_not_found(folder, "debug", "/nowhere");
        /* Files that stand in the right place and are not the right ones. */
        assert_true(shell(folder, "objcopy --remove-section=.note.gnu.build-id debug other"));
        assert_true(shell(folder, "head -c 3000 debug >cut; : >empty; echo text >text; mkdir folder"));
        assert_not_found(folder, "other", by_id);
        assert_not_found(folder, "stripped", by_id);
        assert_not_found(folder, "cut", by_id);
        assert_not_found(folder, "empty", by_id);
        assert_not_found(folder, "text", by_id);
        assert_not_found(folder, "folder", by_id);
    }
    assert_true(shell(folder, "rm -r *"));
    assert_int_equal(rmdir(folder), 0);
}

static uint8_t *read_whole(const char *path, size_t *size)
{
    CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    off_t end = lseek(fd, 0, SEEK_END);
    uint8_t *bytes = end > 0 ? malloc((size_t)end) : NULL;
    if (bytes == NULL || pread(fd, bytes, (size_t)end, 0) != end) {
        free(bytes);
        return NULL;
    }
    *size = (size_t)end;
    return bytes;
}

/* A file that is damaged anywhere gives an answer or an error. */
static void test_damaged_file(void **state)
{
    (void)state;
    size_t size = 0;
    CLEANUP_FREE uint8_t *whole = read_whole("/proc/self/exe", &size);
    assert_non_null(whole);
    srand(4);
    for (int round = 0; round < 100; round++) {
        CLEANUP_CLOSE int fd = memfd_create("damaged", MFD_CLOEXEC);
        assert_int_equal(write(fd, whole, size), size);
        for (int damage = 0; damage < 500; damage++) {
            uint8_t byte = (uint8_t)rand();
            off_t range = round % 4 == 0 ? 64 : (off_t)size; /* the ELF header has its share */
            assert_int_equal(pwrite(fd, &byte, 1, ((off_t)rand() << 16 | rand()) % range), 1);
        }
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        struct files files = files_for(path);
        struct dwarf_offsets offsets;
        spprof_error_free(layout_dwarf_offsets_read(&files.target, &files.module, NULL, &offsets));
        layout_dwarf_offsets_free(&offsets);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_file),
        cmocka_unit_test(test_stops_when_all_wanted_is_found),
        cmocka_unit_test(test_separate_file),
        cmocka_unit_test(test_damaged_file),
    };
    (void)uses;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
