#include "cleanup.h"
#include "target/core.h"
#include "target/file_user.h"
#include "target/open_in_root.h"

/* Root may open what it likes in its own name; what others wrote into a core does not make it do so. */
static struct spprof_error *open_as(struct core *core, uid_t user_id, gid_t group, const char *path, int *fd)
{
    CLEANUP(file_user_clear) struct file_user user = {.user = user_id, .group = group};
    if (user.user == 0)
        user.capabilities = UINT64_MAX;
    else
        file_user_add_groups(&user);
    return open_as_user(&user, core->sysroot, path, fd);
}

struct spprof_error *core_open_path(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    struct core *core = core_of(target);
    CLEANUP_CLOSE int as_owner = -1;
    *fd = -1;
    *started_at = 0;
    if (path[0] != '/') /* it would be looked for in the wrong place, and might be found */
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "cannot open %s: the core does not tell the directory that it is relative to",
                                path);
    TRY(open_as(core, core->owner, core->owner_group, path, &as_owner));
    if (core->notes.has_process && core->notes.user != core->owner)
        return open_as(core, core->notes.user, core->notes.group, path, fd);
    *fd = as_owner;
    as_owner = -1;
    return NULL;
}
