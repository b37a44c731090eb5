/* Whose code a file holds, told from its path. */
#ifndef SPPROF_PROFILE_FILE_KIND_H
#define SPPROF_PROFILE_FILE_KIND_H

#include "spprof/snapshot.h"

enum file_kind {
    FILE_OWN,     /* the program's */
    FILE_PACKAGE, /* installed: site-packages, dist-packages */
    FILE_LIBRARY, /* Python's standard library, and modules frozen into the interpreter */
    FILE_KINDS
};

enum file_kind profile_file_kind(const struct spprof_text *path);

#endif
