#include "target/file_user.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/capability.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "target/open_in_root.h"

enum { GROUPS_MAX = 65536, DATABASE_LINE_MAX = 1 << 16 }; /* NGROUPS_MAX of the kernel */

void target_file_user_clear(struct file_user *user)
{
    free(user->groups);
    *user = (struct file_user){0};
}

void target_file_user_add_groups(struct file_user *user)
{
    struct passwd entry, *found = NULL;
    CLEANUP_FREE char *line = malloc(DATABASE_LINE_MAX);
    int count = GROUPS_MAX;
    if (line == NULL || getpwuid_r(user->user, &entry, line, DATABASE_LINE_MAX, &found) != 0 || found == NULL)
        return;
    gid_t *groups = calloc((size_t)count, sizeof *groups);
    if (groups == NULL || getgrouplist(entry.pw_name, user->group, groups, &count) < 0) {
        free(groups);
        return;
    }
    free(user->groups);
    user->groups = groups;
    user->group_count = (size_t)count;
}

/* Of the calling thread: no capability is left but those that override permissions and that the user has, too. */
static bool keep_capabilities(uint64_t users)
{
    const uint32_t overriding = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    if (syscall(SYS_capget, &header, sets) != 0)
        return false;
    sets[0].effective = sets[0].permitted & overriding & (uint32_t)users;
    sets[1].effective = 0;
    return syscall(SYS_capset, &header, sets) == 0;
}

/* glibc's functions change every thread of the process; the system calls themselves only the one that makes them. */
static bool take_on(const struct file_user *user)
{
    const uid_t none = (uid_t)-1;
    bool has_groups = syscall(SYS_setgroups, user->group_count, user->groups) == 0;
    syscall(SYS_setfsgid, user->group);
    syscall(SYS_setfsuid, user->user);
    bool is_group = (gid_t)syscall(SYS_setfsgid, none) == user->group;
    bool is_user = (uid_t)syscall(SYS_setfsuid, none) == user->user;
    bool is_own = geteuid() == user->user; /* an ordinary user reads a process of his own, whatever groups that has */
    return keep_capabilities(user->capabilities) && is_user && (is_own || (has_groups && is_group));
}

static bool has_group(const struct file_user *user, gid_t group)
{
    bool has = user->group == group;
    for (size_t i = 0; i < user->group_count && !has; i++)
        has = user->groups[i] == group;
    return has;
}

/* wanted: as of others, S_IROTH or S_IXOTH */
static bool has_bit(const struct file_user *user, const struct stat *status, mode_t wanted)
{
    unsigned shift = user->user == status->st_uid ? 6 : has_group(user, status->st_gid) ? 3 : 0;
    return (status->st_mode >> shift & wanted) != 0;
}

/* Whether the user may look into every directory above a path without links. */
static bool may_reach(const struct file_user *user, char *path)
{
    struct stat status;
    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (stat(slash == path ? "/" : path, &status) != 0 || !has_bit(user, &status, S_IXOTH))
            return false;
    }
    return true;
}

static bool may_read_by_bits(const struct file_user *user, bool has_root, int fd)
{
    char name[64], path[PATH_MAX];
    struct stat status;
    if (fstat(fd, &status) != 0 || !has_bit(user, &status, S_IROTH))
        return false;
    if (has_root)
        return true;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(name, path, sizeof path - 1);
    if (size <= 0 || path[0] != '/')
        return false;
    path[size] = '\0';
    return may_reach(user, path);
}

struct opening {
    const struct file_user *user;
    const char *root, *path;
    int root_fd;
    int fd;
    struct spprof_error *error;
};

static void *open_in_thread(void *context)
{
    struct opening *opening = context;
    bool is_user = take_on(opening->user);
    opening->error = target_open_below(opening->root_fd, opening->root, opening->path, &opening->fd);
    if (opening->error != NULL || is_user || may_read_by_bits(opening->user, opening->root != NULL, opening->fd))
        return NULL;
    close(opening->fd);
    opening->fd = -1;
    opening->error =
        spprof_error_new(SPPROF_ERROR_PERMISSION, "%s is not for user %" PRIuMAX " to read", opening->path, (uintmax_t)opening->user->user);
    return NULL;
}

/*
 * The thread hears no signal: a handler of the program around us would run as the user. That a thread became another user takes from the whole
 * process that it may dump core (commit_creds in kernel/cred.c); it is as it was once that thread is gone.
 */
static int run_in_thread(struct opening *opening)
{
    pthread_t thread;
    sigset_t all, before;
    bool dumpable = prctl(PR_GET_DUMPABLE) == 1;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, open_in_thread, opening);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed == 0)
        failed = pthread_join(thread, NULL);
    if (dumpable)
        prctl(PR_SET_DUMPABLE, 1);
    return failed;
}

struct spprof_error *target_open_as_user(const struct file_user *user, const char *root, const char *path, int *fd)
{
    *fd = -1;
    CLEANUP_CLOSE int root_fd = -1;
    TRY(target_open_root(root, &root_fd)); /* another's /proc/PID/root is for us to enter, not for the user */
    struct opening opening = {.user = user, .root = root, .path = path, .root_fd = root_fd, .fd = -1};
    int failed = run_in_thread(&opening);
    if (failed != 0)
        return spprof_error_new(SPPROF_ERROR_PERMISSION, "cannot open %s as user %" PRIuMAX ": no thread for it (%s)", path, (uintmax_t)user->user,
                                strerror(failed));
    *fd = opening.fd;
    return opening.error;
}
