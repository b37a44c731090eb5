/* Compressed core files. What compresses here is libarchive, too; the integration tests use the real tools. */
#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "made_files.h"
#include "target/core_file/decompress.h"

enum { SIZE = 1 << 20, ZEROS_START = 100 << 10, ZEROS_END = 700 << 10 };

static uint8_t plain[SIZE];

struct format {
    const char *name;
    int (*add)(struct archive *archive);
};

static const struct format formats[] = {
    {"zstd", archive_write_add_filter_zstd},
    {"lz4", archive_write_add_filter_lz4},
    {"gzip", archive_write_add_filter_gzip},
    {"xz", archive_write_add_filter_xz},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

static void fill_with_noise(uint8_t *bytes, size_t size)
{
    uint32_t value = 1;
    for (size_t i = 0; i < size; i++) {
        value = value * 1664525 + 1013904223;
        bytes[i] = (uint8_t)(value >> 28);
    }
}

static int fill(void **state)
{
    fill_with_noise(plain, SIZE);
    memset(plain + ZEROS_START, 0, ZEROS_END - ZEROS_START);
    setenv("TMPDIR", "/tmp", 1);
    return make_directory(state);
}

static size_t compress(const struct format *format, const uint8_t *bytes, size_t size, uint8_t *result, size_t room)
{
    size_t used = 0;
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    assert_int_equal(format->add(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_set_filter_option(archive, NULL, "compression-level", "1"), ARCHIVE_OK);
    archive_write_set_bytes_per_block(archive, 0);
    assert_int_equal(archive_write_open_memory(archive, result, room, &used), ARCHIVE_OK);
    archive_entry_set_filetype(entry, AE_IFREG);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, bytes, size), (la_ssize_t)size);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_entry_free(entry);
    archive_write_free(archive);
    return used;
}

static int open_saved(const uint8_t *bytes, size_t size)
{
    int fd = open(save_file("compressed", bytes, size), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

/* Compares the decompressed file with what was compressed, and returns its size. */
static size_t assert_prefix_of_plain(int fd)
{
    static uint8_t buffer[SIZE];
    struct stat status;
    assert_int_equal(fstat(fd, &status), 0);
    assert_in_range(status.st_size, 0, SIZE);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(pread(fd, buffer, sizeof buffer, 0), status.st_size);
    assert_memory_equal(buffer, plain, (size_t)status.st_size);
    return (size_t)status.st_size;
}

static void test_whole(void **state)
{
    (void)state;
    static uint8_t packed[2 * SIZE];
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        struct spprof_problems problems = {0};
        struct stat status;
        int fd = open_saved(packed, compress(&formats[i], plain, SIZE, packed, sizeof packed));
        int out;
        assert_string_equal(target_compression_of(fd), formats[i].name);
        assert_null(target_decompress(fd, "a core", NULL, &problems, &out));
        assert_int_equal(assert_prefix_of_plain(out), SIZE);
        assert_int_equal(problems.count, 0);
        assert_int_equal(fstat(out, &status), 0);
        assert_in_range(status.st_blocks * 512, 1, SIZE - (ZEROS_END - ZEROS_START) + (64 << 10)); /* the zeros are a hole */
        close(out);
        close(fd);
    }
}

static void test_several_frames(void **state)
{
    (void)state;
    static uint8_t packed[2 * SIZE];
    enum { FIRST = 345678 };
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        struct spprof_problems problems = {0};
        size_t size = compress(&formats[i], plain, FIRST, packed, sizeof packed);
        size += compress(&formats[i], plain + FIRST, SIZE - FIRST, packed + size, sizeof packed - size);
        int fd = open_saved(packed, size);
        int out;
        assert_null(target_decompress(fd, "a core", NULL, &problems, &out));
        assert_int_equal(assert_prefix_of_plain(out), SIZE);
        assert_int_equal(problems.count, 0);
        close(out);
        close(fd);
    }
}

static void test_cut_short(void **state)
{
    (void)state;
    static uint8_t packed[2 * SIZE];
    static uint8_t noise[5 << 20]; /* lz4 works in pieces of 4 MiB */
    fill_with_noise(noise, sizeof noise);
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        static uint8_t big[sizeof noise + SIZE];
        struct spprof_problems problems = {0};
        struct stat status;
        size_t size = compress(&formats[i], noise, sizeof noise, big, sizeof big);
        int fd = open_saved(big, size - size / 8);
        int out;
        assert_null(target_decompress(fd, "a core", NULL, &problems, &out));
        assert_int_equal(problems.count, 1);
        assert_non_null(strstr(problems.texts[0], "a core is cut short or damaged after "));
        assert_int_equal(fstat(out, &status), 0);
        assert_in_range(status.st_size, 1, sizeof noise - 1);
        spprof_problems_free(&problems);
        close(out);
        close(fd);

        fd = open_saved(packed, compress(&formats[i], plain, SIZE, packed, sizeof packed) > 8 ? 8 : 0);
        struct spprof_error *error = target_decompress(fd, "a core", NULL, &problems, &out);
        assert_non_null(error);
        assert_int_equal(error->kind, SPPROF_ERROR_BAD_FILE);
        assert_int_equal(out, -1);
        spprof_error_free(error);
        close(fd);
    }
}

static void test_not_compressed(void **state)
{
    (void)state;
    int fd = open_saved((const uint8_t *)"\177ELF, or nearly so", 18);
    assert_null(target_compression_of(fd));
    close(fd);
    fd = open_saved((const uint8_t *)"\x1f", 1);
    assert_null(target_compression_of(fd));
    close(fd);
}

static struct spprof_error *refuse_noise(void *context, const uint8_t *head)
{
    (void)context;
    assert_memory_equal(head, plain, DECOMPRESS_HEAD);
    return spprof_error_new(SPPROF_ERROR_BAD_FILE, "no core begins like this");
}

static struct spprof_error *accept_all(void *context, const uint8_t *head)
{
    (void)context, (void)head;
    return NULL;
}

static uint64_t end_in_the_middle(void *context, int fd, uint64_t size)
{
    (void)context, (void)fd;
    return size < 4096 ? 0 : SIZE / 2;
}

static uint64_t no_end(void *context, int fd, uint64_t size)
{
    (void)context, (void)fd, (void)size;
    return 0;
}

/* What the first bytes refuse is not written out; what goes on for too long ends, and is told. */
static void test_watched(void **state)
{
    (void)state;
    static uint8_t packed[2 * SIZE];
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        const struct decompress_watch refusing = {refuse_noise, no_end, NULL, UINT64_MAX}, ending = {accept_all, end_in_the_middle, NULL, UINT64_MAX},
                                      counting = {accept_all, no_end, NULL, 64 << 10};
        struct spprof_problems problems = {0};
        int out, fd = open_saved(packed, compress(&formats[i], plain, SIZE, packed, sizeof packed));
        struct spprof_error *error = target_decompress(fd, "a core", &refusing, &problems, &out);
        assert_non_null(error);
        assert_string_equal(error->message, "no core begins like this");
        spprof_error_free(error);
        assert_null(target_decompress(fd, "a core", &ending, &problems, &out));
        assert_in_range(assert_prefix_of_plain(out), SIZE / 2, SIZE);
        close(out);
        assert_null(target_decompress(fd, "a core", &counting, &problems, &out));
        assert_prefix_of_plain(out);
        close(out);
        assert_int_equal(problems.count, 2);
        assert_non_null(strstr(problems.texts[0], "goes on behind the last byte that its headers name"));
        assert_non_null(strstr(problems.texts[1], "the budget of what is written is used up"));
        spprof_problems_free(&problems);
        close(fd);
    }
}

static void assert_fails(int fd, const char *text)
{
    struct spprof_problems problems = {0};
    int out;
    struct spprof_error *error = target_decompress(fd, "a core", NULL, &problems, &out);
    assert_non_null(error);
    assert_int_equal(error->kind, SPPROF_ERROR_UNREADABLE);
    assert_non_null(strstr(error->message, text));
    assert_non_null(strstr(error->message, "TMPDIR"));
    assert_int_equal(out, -1);
    spprof_error_free(error);
}

static void test_no_room(void **state)
{
    (void)state;
    static uint8_t packed[2 * SIZE];
    struct rlimit limit;
    int fd = open_saved(packed, compress(&formats[0], plain, SIZE, packed, sizeof packed));
    setenv("TMPDIR", made_path("no such directory"), 1);
    assert_fails(fd, "no such directory");
    setenv("TMPDIR", made_directory, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit low = {.rlim_cur = 1 << 18, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    assert_fails(fd, made_directory);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_DFL);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),          cmocka_unit_test(test_several_frames), cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_not_compressed), cmocka_unit_test(test_no_room),        cmocka_unit_test(test_watched),
    };
    return cmocka_run_group_tests(tests, fill, remove_directory);
}
