#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "target/core_file/core.h"
#include "target/file_user.h"
#include "target/open_in_root.h"

/* Root may open what it likes in its own name; what others wrote into a core does not make it do so. */
static struct spprof_error *open_as(struct core *core, uid_t user_id, gid_t group, const char *path, int *fd)
{
    CLEANUP(target_file_user_clear) struct file_user user = {.user = user_id, .group = group};
    if (user.user == 0)
        user.capabilities = UINT64_MAX;
    else
        target_file_user_add_groups(&user);
    return target_open_as_user(&user, core->sysroot, path, fd);
}

/*
 * Where the process stood when it began, as its shell said: PWD in the environment, whose texts the kernel puts on the stack right below the
 * name of the executable (create_elf_tables in fs/binfmt_elf.c of Linux). NULL where that is not in the core.
 */
static char *first_directory(struct core *core)
{
    enum { ENVIRONMENT_MAX = 1 << 17, ENVIRONMENT_MIN = 64 };
    static const char name[] = "\0PWD=/";
    uint64_t end = core->notes.at_execfn;
    CLEANUP_FREE char *texts = malloc(ENVIRONMENT_MAX + 1);
    size_t size = ENVIRONMENT_MAX;
    if (texts == NULL || end < ENVIRONMENT_MAX)
        return NULL;
    while (size >= ENVIRONMENT_MIN && target_core_read(core, end - size, texts, size, false) != SPPROF_READ_OK)
        size /= 2;
    if (size < ENVIRONMENT_MIN)
        return NULL;
    texts[size] = '\0';
    const char *found = memmem(texts, size, name, sizeof name - 1);
    return found != NULL ? strdup(found + sizeof name - 2) : NULL;
}

/* Where both users might: each in its own name. */
static struct spprof_error *open_as_both(struct core *core, const char *path, int *fd)
{
    CLEANUP_CLOSE int as_owner = -1;
    TRY(open_as(core, core->owner, core->owner_group, path, &as_owner));
    if (core->notes.has_process && core->notes.user != core->owner)
        return open_as(core, core->notes.user, core->notes.group, path, fd);
    *fd = as_owner;
    as_owner = -1;
    return NULL;
}

struct spprof_error *target_core_open_path(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    struct core *core = core_of(target);
    *fd = -1;
    *started_at = 0;
    if (path[0] == '/')
        return open_as_both(core, path, fd);
    CLEANUP_FREE char *directory = first_directory(core), *whole = NULL;
    if (directory == NULL || asprintf(&whole, "%s/%s", directory, path) < 0) {
        whole = NULL;
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open %s: the core does not tell the directory that it is relative to", path);
    }
    return open_as_both(core, whole, fd);
}
