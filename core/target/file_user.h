/*
 * Files opened with the rights of the target's user: a target names any file it likes as the source of its code, and spprof often runs as root.
 * The kernel decides, with all that it knows (links on the way, access lists, groups): a thread takes on the user for the moment of opening.
 */
#ifndef SPPROF_TARGET_FILE_USER_H
#define SPPROF_TARGET_FILE_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "spprof/error.h"

/* Who opens files, as spprof's own user namespace counts users. */
struct file_user {
    uid_t user;
    gid_t group;
    gid_t *groups; /* supplementary, owned */
    size_t group_count;
    uint64_t capabilities; /* effective ones, as the system counts them; those that override permissions count */
};

void target_file_user_clear(struct file_user *user);

/* Adds the supplementary groups that this machine's user database gives the user; none where it does not know the user. */
void target_file_user_add_groups(struct file_user *user);

/*
 * As target_open_in_root, where the user might open the file, too. Where the user cannot be taken on (spprof is not root), the file is opened by
 * spprof's own rights and the permission bits of the file, and without a root those of the directories above it, must let the user read it.
 * Errors: those of target_open_in_root; PERMISSION: the user may not.
 */
struct spprof_error *target_open_as_user(const struct file_user *user, const char *root, const char *path, int *fd);

#endif
