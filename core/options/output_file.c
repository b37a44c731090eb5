#include "options/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "spprof/host.h"

enum { TRIES = 100, LINKS_MAX = 40 };

enum way {
    WAY_DIRECT, /* the stream is the file itself */
    WAY_RENAME, /* the stream is a file beside it */
    WAY_OVER,   /* the stream is memory, and is written over the file */
};

struct output_file {
    const char *path; /* as it was given; borrowed */
    enum way way;
    char real[PATH_MAX];        /* without links */
    char beside[PATH_MAX + 64]; /* WAY_RENAME */
    FILE *stream;
    int fd;      /* WAY_OVER: the file */
    char *bytes; /* WAY_OVER: of the stream, owned */
    size_t size;
};

static struct spprof_error *cannot_write(const char *path, int reason)
{
    return spprof_error_new(SPPROF_ERROR_UNREADABLE, "cannot write '%s': %s", path, reason != 0 ? strerror(reason) : "the disk took no more");
}

/* The part behind the last slash. */
static char *name_of(char *path)
{
    char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Where a link points that has nothing there yet, step by step; realpath(3) is for what exists. */
static bool follow_link(char path[PATH_MAX])
{
    char target[PATH_MAX];
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size <= 0)
        return false;
    target[size] = '\0';
    size_t folder = target[0] == '/' ? 0 : (size_t)(name_of(path) - path);
    if (folder + (size_t)size >= PATH_MAX)
        return false;
    memcpy(path + folder, target, (size_t)size + 1);
    return true;
}

static bool resolve(const char *path, char real[PATH_MAX])
{
    if (strlen(path) >= PATH_MAX)
        return false;
    if (realpath(path, real) != NULL)
        return true;
    strcpy(real, path);
    for (int i = 0; i < LINKS_MAX; i++)
        if (!follow_link(real))
            return true;
    return false;
}

/* Makes the file that is to take the place of the other. Its mode is that of a new file. */
static int open_beside(struct output_file *file)
{
    int folder = (int)(name_of(file->real) - file->real);
    for (int i = 0; i < TRIES; i++) {
        snprintf(file->beside, sizeof file->beside, "%.*s.spprof-%d-%d.tmp", folder, file->real, (int)getpid(), i);
        int fd = open(file->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

static bool can_own(const struct stat *old)
{
    return old->st_nlink == 1 && (old->st_uid == geteuid() || geteuid() == 0);
}

/* fd: of the old file, -1 where there is none; owned by the callee. */
static bool open_regular(struct output_file *file, int fd, const struct stat *old)
{
    int beside = fd < 0 || can_own(old) ? open_beside(file) : -1;
    file->way = beside >= 0 ? WAY_RENAME : WAY_OVER;
    if (beside >= 0) {
        file->stream = fdopen(beside, "wb");
        if (fd >= 0)
            close(fd);
    } else if (fd >= 0) {
        file->fd = fd;
        file->stream = open_memstream(&file->bytes, &file->size);
    }
    return file->stream != NULL;
}

static bool open_direct(struct output_file *file, int fd)
{
    file->way = WAY_DIRECT;
    file->stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    return file->stream != NULL;
}

static bool open_file(struct output_file *file)
{
    struct stat status = {0};
    int descriptor = spprof_host_descriptor_of(file->path); /* others may write to what it is open for: its place in it is to be kept */
    if (descriptor >= 0)
        return open_direct(file, fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
    bool exists = stat(file->path, &status) == 0;
    if (!exists && (errno != ENOENT || file->path[0] == '\0'))
        return false;
    int fd = exists ? open(file->path, O_WRONLY | O_CLOEXEC | O_NOCTTY) : -1; /* tells what is a folder, or must not be written */
    if (exists && (fd < 0 || !S_ISREG(status.st_mode)))
        return open_direct(file, fd);
    if (!resolve(file->path, file->real)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return open_regular(file, fd, &status);
}

struct spprof_error *options_output_file_open(const char *path, struct output_file **result)
{
    struct output_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return spprof_error_no_memory();
    file->path = path;
    file->fd = -1;
    errno = 0;
    if (!open_file(file)) {
        int reason = errno;
        options_output_file_discard(file);
        return cannot_write(path, reason);
    }
    *result = file;
    return NULL;
}

FILE *options_output_file_stream(struct output_file *file)
{
    return file->stream;
}

static bool close_stream(struct output_file *file)
{
    bool failed = ferror(file->stream) != 0;
    errno = 0;
    failed = fclose(file->stream) != 0 || failed;
    file->stream = NULL;
    return !failed;
}

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* First of all the room is made sure of: what fails then fails with the old bytes in place. */
static bool write_over(const struct output_file *file, int fd)
{
    int reason = file->size > 0 ? posix_fallocate(fd, 0, (off_t)file->size) : 0;
    if (reason != 0 && reason != EOPNOTSUPP && reason != EINVAL) {
        errno = reason;
        return false;
    }
    return lseek(fd, 0, SEEK_SET) == 0 && write_all(fd, file->bytes, file->size) && ftruncate(fd, (off_t)file->size) == 0;
}

/* What an old file was, the new one is. */
static void take_after(const struct output_file *file)
{
    struct stat old;
    if (stat(file->real, &old) != 0)
        return;
    if ((old.st_uid != geteuid() || old.st_gid != getegid()) && chown(file->beside, old.st_uid, old.st_gid) != 0)
        errno = 0; /* the group of a folder that gives its own: it is the same there, or not ours to give */
    if (chmod(file->beside, old.st_mode & 07777) != 0)
        errno = 0;
}

/* Where the new file cannot take the place of the old one, which something is mounted on. */
static bool copy_over(struct output_file *file)
{
    CLEANUP_CLOSE int from = open(file->beside, O_RDONLY | O_CLOEXEC), to = open(file->real, O_WRONLY | O_CLOEXEC);
    struct stat status;
    if (from < 0 || to < 0 || fstat(from, &status) != 0)
        return false;
    file->size = (size_t)status.st_size;
    file->bytes = malloc(file->size + 1);
    size_t done = 0;
    for (ssize_t got = 1; file->bytes != NULL && done < file->size && got > 0; done += got > 0 ? (size_t)got : 0)
        got = read(from, file->bytes + done, file->size - done);
    return file->bytes != NULL && done == file->size && write_over(file, to);
}

static bool finish(struct output_file *file)
{
    if (!close_stream(file))
        return false;
    if (file->way == WAY_OVER)
        return write_over(file, file->fd);
    if (file->way == WAY_DIRECT)
        return true;
    take_after(file);
    if (rename(file->beside, file->real) != 0)
        return errno == EBUSY && copy_over(file);
    file->beside[0] = '\0';
    return true;
}

struct spprof_error *options_output_file_finish(struct output_file *file)
{
    struct spprof_error *error = finish(file) ? NULL : cannot_write(file->path, errno);
    options_output_file_discard(file);
    return error;
}

void options_output_file_discard(struct output_file *file)
{
    if (file == NULL)
        return;
    if (file->stream != NULL)
        fclose(file->stream);
    if (file->beside[0] != '\0')
        unlink(file->beside);
    if (file->fd >= 0)
        close(file->fd);
    free(file->bytes);
    free(file);
}
