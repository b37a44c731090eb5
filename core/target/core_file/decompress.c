#include "target/core_file/decompress.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { INPUT_SIZE = 1 << 17, HOLE_SIZE = 4096 };

struct compression {
    const char *name;
    uint8_t magic[6];
    uint8_t size;
    int (*support)(struct archive *archive);
};

static const struct compression compressions[] = {
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, archive_read_support_filter_zstd},
    {"lz4", {0x04, 0x22, 0x4d, 0x18}, 4, archive_read_support_filter_lz4},
    {"gzip", {0x1f, 0x8b}, 2, archive_read_support_filter_gzip},
    {"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, archive_read_support_filter_xz},
};

static const struct compression *find_compression(int fd)
{
    uint8_t head[sizeof compressions[0].magic];
    ssize_t size = pread(fd, head, sizeof head, 0);
    for (size_t i = 0; i < sizeof compressions / sizeof compressions[0]; i++)
        if (size >= compressions[i].size && memcmp(head, compressions[i].magic, compressions[i].size) == 0)
            return &compressions[i];
    return NULL;
}

const char *target_compression_of(int fd)
{
    const struct compression *compression = find_compression(fd);
    return compression == NULL ? NULL : compression->name;
}

static void cleanup_archive(struct archive **archive)
{
    archive_read_free(*archive);
}

static const char *temporary_directory(void)
{
    const char *directory = getenv("TMPDIR");
    return directory == NULL || directory[0] == '\0' ? "/var/tmp" : directory;
}

static int unnamed_file(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    CLEANUP_FREE char *name = NULL; /* a file system without O_TMPFILE */
    if (asprintf(&name, "%s/spprof-XXXXXX", directory) < 0) {
        name = NULL;
        return -1;
    }
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

static bool is_zero(const char *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static bool write_all(int fd, const char *bytes, size_t size, int64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, bytes, size, offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
        offset += written;
    }
    return true;
}

/* Writes a block, leaving out every piece of HOLE_SIZE, as the file is divided, that is all zeros. *written grows by the rest. */
static bool write_sparse(int fd, const char *bytes, size_t size, int64_t offset, uint64_t *written)
{
    size_t start = 0; /* of what is still to be written */
    for (size_t at = 0, piece; at < size; at += piece) {
        piece = HOLE_SIZE - (size_t)((offset + (int64_t)at) % HOLE_SIZE);
        if (piece > size - at)
            piece = size - at;
        if (!is_zero(bytes + at, piece))
            continue;
        if (!write_all(fd, bytes + start, at - start, offset + (int64_t)start))
            return false;
        *written += at - start;
        start = at + piece;
    }
    *written += size - start;
    return write_all(fd, bytes + start, size - start, offset + (int64_t)start);
}

static struct spprof_error *no_room(const char *path, int64_t size)
{
    return spprof_error_new(SPPROF_ERROR_UNREADABLE,
                            "cannot decompress %s into %s: %s after %lld MB; set TMPDIR to a directory with more room, or give "
                            "the core file decompressed",
                            path, temporary_directory(), strerror(errno), (long long)(size >> 20));
}

/* What has come out so far. */
struct output {
    const struct decompress_watch *watch;
    int fd;
    int64_t size;
    uint64_t written, end; /* end 0: not known */
    uint8_t head[DECOMPRESS_HEAD];
    size_t head_size;
    const char *cut; /* why the rest is left out; NULL: it is not */
};

/* Takes the first bytes of the file out of a block. */
static struct spprof_error *watch_head(struct output *output, const void *block, size_t size)
{
    size_t more = sizeof output->head - output->head_size;
    if (output->watch == NULL || more == 0)
        return NULL;
    if (more > size)
        more = size;
    memcpy(output->head + output->head_size, block, more);
    output->head_size += more;
    return output->head_size < sizeof output->head ? NULL : output->watch->begin(output->watch->context, output->head);
}

static void watch_size(struct output *output)
{
    const struct decompress_watch *watch = output->watch;
    if (watch == NULL)
        return;
    if (output->end == 0)
        output->end = watch->end(watch->context, output->fd, (uint64_t)output->size);
    if (output->end != 0 && (uint64_t)output->size > output->end)
        output->cut = "it goes on behind the last byte that its headers name";
    else if (output->written > watch->most)
        output->cut = "the budget of what is written is used up; --memory SIZE gives more, or decompress it first";
}

/* Copies to the end, or to where the input is broken, or where it is too much. *broken gets what libarchive says of the break. */
static struct spprof_error *copy_out(struct archive *archive, const char *path, struct output *output, const char **broken)
{
    *broken = NULL;
    while (output->cut == NULL) {
        const void *block;
        size_t block_size;
        int64_t offset;
        int status = archive_read_data_block(archive, &block, &block_size, &offset);
        if (status == ARCHIVE_EOF)
            break;
        if (status < ARCHIVE_WARN) {
            *broken = archive_error_string(archive);
            if (*broken == NULL)
                *broken = "it is damaged";
            break;
        }
        TRY(watch_head(output, block, block_size));
        if (!write_sparse(output->fd, block, block_size, offset, &output->written))
            return no_room(path, output->size);
        output->size = offset + (int64_t)block_size;
        watch_size(output);
    }
    return ftruncate(output->fd, output->size) != 0 ? no_room(path, output->size) : NULL; /* a hole at the end has not been written */
}

static struct spprof_error *open_archive(int fd, const char *path, struct archive **archive)
{
    const struct compression *compression = find_compression(fd);
    *archive = archive_read_new();
    if (*archive == NULL)
        return spprof_error_no_memory();
    /* A filter answers with a warning where it would run an external program: nothing is run here. */
    if (compression == NULL || compression->support(*archive) != ARCHIVE_OK)
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "cannot decompress %s: this libarchive has no %s; decompress the core file first", path,
                                compression == NULL ? "such compression" : compression->name);
    struct archive_entry *entry;
    archive_read_support_format_raw(*archive);
    if (lseek(fd, 0, SEEK_SET) != 0 || archive_read_open_fd(*archive, fd, INPUT_SIZE) != ARCHIVE_OK ||
        archive_read_next_header(*archive, &entry) != ARCHIVE_OK || archive_filter_code(*archive, 0) == ARCHIVE_FILTER_NONE) {
        const char *reason = archive_error_string(*archive);
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "cannot decompress %s (%s): %s", path, compression->name,
                                reason == NULL ? "it holds nothing" : reason);
    }
    return NULL;
}

struct spprof_error *target_decompress(int fd, const char *path, const struct decompress_watch *watch, struct spprof_problems *problems, int *plain)
{
    *plain = -1;
    CLEANUP(cleanup_archive) struct archive *archive = NULL;
    TRY(open_archive(fd, path, &archive));
    CLEANUP_CLOSE int result = unnamed_file(temporary_directory());
    if (result < 0)
        return spprof_error_new(SPPROF_ERROR_UNREADABLE,
                                "cannot decompress %s: no file can be made in %s: %s; set TMPDIR to a directory that you may write to", path,
                                temporary_directory(), strerror(errno));
    struct output output = {.watch = watch, .fd = result};
    const char *broken;
    TRY(copy_out(archive, path, &output, &broken));
    if (broken != NULL && output.size == 0)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "cannot decompress %s: %s", path, broken);
    if (broken != NULL)
        spprof_problems_add(problems, "%s is cut short or damaged after %lld bytes: %s", path, (long long)output.size, broken);
    if (output.cut != NULL)
        spprof_problems_add(problems, "%s was decompressed as far as %lld bytes: %s", path, (long long)output.size, output.cut);
    *plain = result;
    result = -1;
    return NULL;
}
