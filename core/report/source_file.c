#include "report/source_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "output/escape.h"
#include "report/source_encoding.h"

enum {
    FILE_MAX = 64 << 20, /* bytes of one file */
    LINE_LIMIT = 4096,   /* bytes of a line that are looked at */
};

static int64_t nanoseconds(struct timespec time)
{
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool is_unchanged(const struct stat *before, const struct stat *after)
{
    return before->st_size == after->st_size && nanoseconds(before->st_mtim) == nanoseconds(after->st_mtim) &&
           nanoseconds(before->st_ctim) == nanoseconds(after->st_ctim);
}

static bool read_whole(int fd, char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = read(fd, bytes + done, size - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        done += (size_t)count;
    }
    return true;
}

/* Opens a regular file of the target; -1 where there is none. */
static int open_regular(struct spprof_target *target, const char *path, struct stat *status, int64_t *started_at, enum source_lack *lack)
{
    int fd = -1;
    *started_at = 0;
    struct spprof_error *error = target->ops->open_file(target, path, &fd, started_at);
    if (error != NULL) {
        *lack = error->kind == SPPROF_ERROR_PERMISSION  ? SOURCE_REFUSED
                : error->kind == SPPROF_ERROR_NOT_FOUND ? SOURCE_NOT_THERE
                                                        : SOURCE_UNREADABLE;
        spprof_error_free(error);
        return -1;
    }
    *lack = SOURCE_UNREADABLE;
    if (fstat(fd, status) == 0 && S_ISREG(status->st_mode))
        return fd;
    close(fd);
    return -1;
}

/* Reads a file into contents, which stay empty where it is missing, too large, or changes meanwhile. */
static void read_contents(struct contents *contents, struct spprof_target *target, const char *path, size_t *bytes_left)
{
    struct stat before, after;
    int64_t started_at;
    CLEANUP_CLOSE int fd = open_regular(target, path, &before, &started_at, &contents->lack);
    if (fd < 0 || before.st_size > FILE_MAX || (size_t)before.st_size > *bytes_left)
        return;
    size_t size = (size_t)before.st_size;
    CLEANUP_FREE char *bytes = malloc(size + 1);
    if (bytes == NULL || !read_whole(fd, bytes, size) || fstat(fd, &after) != 0 || !is_unchanged(&before, &after))
        return;
    *bytes_left -= size;
    *contents = (struct contents){
        .bytes = bytes,
        .size = size,
        .modified_at = before.st_mtim.tv_sec,
        .has_start = started_at > 0,
        .is_old = started_at > 0 && nanoseconds(before.st_mtim) < started_at && nanoseconds(before.st_ctim) < started_at,
    };
    bytes = NULL;
}

/* The path that Python opened for a file name (os.fsencode), owned by the caller; NULL where the name can be none. */
static char *encode_path(const struct spprof_text *name)
{
    if (name->size == 0 || name->bytes[0] == '<' || memchr(name->bytes, '\0', name->size) != NULL)
        return NULL;
    CLEANUP_FREE char *path = malloc(name->size + 1);
    if (path == NULL)
        return NULL;
    size_t length = 0;
    for (size_t done = 0; done < name->size;) {
        struct text_unit unit = output_text_unit_next(name->bytes + done, name->size - done, TEXT_GENERALISED);
        bool is_escaped_byte = output_text_unit_is_surrogate(unit) && unit.value >= 0xdc80 && unit.value <= 0xdcff;
        if (unit.is_byte || (output_text_unit_is_surrogate(unit) && !is_escaped_byte))
            return NULL;
        if (is_escaped_byte) {
            path[length++] = (char)(unit.value & 0xff);
        } else {
            memcpy(path + length, name->bytes + done, unit.size);
            length += unit.size;
        }
        done += unit.size;
    }
    path[length] = '\0';
    char *result = path;
    path = NULL;
    return result;
}

/* "/srv/__pycache__/jobs.cpython-311.pyc" for "/srv/jobs.py" (Lib/importlib/_bootstrap_external.py, cache_from_source). */
static void read_bytecode(struct source_file *file, struct spprof_target *target, const char *path, uint32_t version, size_t *bytes_left)
{
    static const char *const levels[OPTIMISATION_LEVELS] = {"", ".opt-1", ".opt-2"};
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    int stem = (int)(dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base));
    for (size_t i = 0; i < OPTIMISATION_LEVELS; i++) {
        char *cached;
        if (asprintf(&cached, "%.*s__pycache__/%.*s.cpython-%" PRIu32 "%" PRIu32 "%s.pyc", (int)(base - path), path, stem, base, version >> 24,
                     version >> 16 & 0xff, levels[i]) < 0)
            return;
        read_contents(&file->bytecode[i], target, cached, bytes_left);
        free(cached);
    }
}

/* Where the line that begins at start ends, or limit: at "\n", "\r" or "\r\n", as the tokenizer reads lines. */
static size_t line_end(const struct contents *source, size_t start, size_t limit)
{
    while (start < limit && source->bytes[start] != '\n' && source->bytes[start] != '\r')
        start++;
    return start;
}

static size_t next_line(const struct contents *source, size_t start)
{
    size_t end = line_end(source, start, source->size);
    bool is_pair = source->size - end >= 2 && source->bytes[end] == '\r' && source->bytes[end + 1] == '\n';
    return end + 1 + is_pair;
}

static void index_lines(struct source_file *file, size_t *bytes_left)
{
    size_t count = 0;
    for (size_t start = 0; start < file->source.size; start = next_line(&file->source, start))
        count++;
    size_t bytes = count * sizeof *file->line_starts;
    if (bytes > *bytes_left || (file->line_starts = malloc(bytes + 1)) == NULL)
        return;
    *bytes_left -= bytes;
    for (size_t start = 0; file->line_count < count; start = next_line(&file->source, start))
        file->line_starts[file->line_count++] = (uint32_t)start;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\f' || byte == '\v';
}

bool report_source_file_indented_line(const struct source_file *file, int32_t number, const char **line, size_t *size)
{
    if (number < 1 || (size_t)number > file->line_count)
        return false;
    size_t start = file->line_starts[number - 1];
    size_t limit = file->source.size - start < LINE_LIMIT ? file->source.size : start + LINE_LIMIT;
    size_t end = line_end(&file->source, start, limit);
    if (number == 1 && end - start >= 3 && memcmp(file->source.bytes, "\xef\xbb\xbf", 3) == 0)
        start += 3;
    while (end > start && is_blank(file->source.bytes[end - 1]))
        end--;
    *line = file->source.bytes + start;
    *size = end - start;
    return true;
}

bool report_source_file_line(const struct source_file *file, int32_t number, const char **line, size_t *size)
{
    if (!report_source_file_indented_line(file, number, line, size))
        return false;
    for (; *size > 0 && is_blank(**line); (*size)--)
        (*line)++;
    return true;
}

void report_source_file_load(struct source_file *file, struct spprof_target *target, const struct spprof_text *name, uint32_t version,
                             size_t *bytes_left)
{
    CLEANUP_FREE char *path = encode_path(name);
    file->source.lack = SOURCE_NO_PATH;
    if (path == NULL)
        return;
    file->is_relative = path[0] != '/';
    read_contents(&file->source, target, path, bytes_left);
    if (file->source.bytes == NULL)
        return;
    read_bytecode(file, target, path, version, bytes_left);
    size_t size = file->source.size;
    file->source.bytes = report_source_to_utf_8(file->source.bytes, &file->source.size, bytes_left);
    file->size_on_disk = size;
    index_lines(file, bytes_left);
}

void report_source_file_clear(struct source_file *file)
{
    free(file->source.bytes);
    free(file->line_starts);
    for (size_t i = 0; i < OPTIMISATION_LEVELS; i++)
        free(file->bytecode[i].bytes);
    *file = (struct source_file){0};
}
