#include "target/decompress.h"

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

#include "cleanup.h"

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

const char *compression_of(int fd)
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

/* Writes a block, leaving out every piece of HOLE_SIZE, as the file is divided, that is all zeros. */
static bool write_sparse(int fd, const char *bytes, size_t size, int64_t offset)
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
        start = at + piece;
    }
    return write_all(fd, bytes + start, size - start, offset + (int64_t)start);
}

static struct spprof_error *no_room(const char *path, int64_t size)
{
    return spprof_error_new(SPPROF_ERROR_UNREADABLE,
                            "cannot decompress %s into %s: %s after %lld MB; set TMPDIR to a directory with more room, or give "
                            "the core file decompressed",
                            path, temporary_directory(), strerror(errno), (long long)(size >> 20));
}

/* Copies to the end, or to where the input is broken. *size gets the length of the result, *broken what libarchive says of the break. */
static struct spprof_error *copy_out(struct archive *archive, const char *path, int plain, int64_t *size, const char **broken)
{
    *size = 0;
    *broken = NULL;
    for (;;) {
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
        if (!write_sparse(plain, block, block_size, offset))
            return no_room(path, *size);
        *size = offset + (int64_t)block_size;
    }
    return ftruncate(plain, *size) != 0 ? no_room(path, *size) : NULL; /* a hole at the end has not been written */
}

static struct spprof_error *open_archive(int fd, const char *path, struct archive **archive)
{
    const struct compression *compression = find_compression(fd);
    *archive = archive_read_new();
    if (*archive == NULL)
        return spprof_error_no_memory();
    /* A filter answers with a warning where it would run an external program: nothing is run here. */
    if (compression == NULL || compression->support(*archive) != ARCHIVE_OK)
        return spprof_error_new(SPPROF_ERROR_UNSUPPORTED, "cannot decompress %s: this libarchive has no %s; decompress the core file first",
                                path, compression == NULL ? "such compression" : compression->name);
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

struct spprof_error *decompress(int fd, const char *path, struct spprof_problems *problems, int *plain)
{
    *plain = -1;
    CLEANUP(cleanup_archive) struct archive *archive = NULL;
    TRY(open_archive(fd, path, &archive));
    CLEANUP_CLOSE int result = unnamed_file(temporary_directory());
    if (result < 0)
        return spprof_error_new(SPPROF_ERROR_UNREADABLE,
                                "cannot decompress %s: no file can be made in %s: %s; set TMPDIR to a directory that you may write to",
                                path, temporary_directory(), strerror(errno));
    int64_t size;
    const char *broken;
    TRY(copy_out(archive, path, result, &size, &broken));
    if (broken != NULL && size == 0)
        return spprof_error_new(SPPROF_ERROR_BAD_FILE, "cannot decompress %s: %s", path, broken);
    if (broken != NULL)
        spprof_problems_add(problems, "%s is cut short or damaged after %lld bytes: %s", path, (long long)size, broken);
    *plain = result;
    result = -1;
    return NULL;
}
