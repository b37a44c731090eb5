/* The formats of a profile, a file each. All write to a stream that the caller owns. Errors: NO_MEMORY. */
#ifndef SPPROF_PROFILE_FORMATS_H
#define SPPROF_PROFILE_FORMATS_H

#include "profile/tree.h"

typedef struct spprof_error *profile_writer(FILE *stream, const struct spprof_profile *profile, const struct spprof_profile_report_options *options);

/* profile_write_table, ... */
#define FORMAT(symbol, name, ...) profile_writer profile_write_##name;
#include "spprof/profile_formats.def"
#undef FORMAT

#endif
