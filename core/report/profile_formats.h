/* The formats of a profile, a file each. All write to a stream that the caller owns. Errors: NO_MEMORY. */
#ifndef SPPROF_REPORT_PROFILE_FORMATS_H
#define SPPROF_REPORT_PROFILE_FORMATS_H

#include "report/profile_tree.h"

typedef struct spprof_error *profile_writer(FILE *stream, const struct spprof_profile *profile,
                                            const struct spprof_profile_report_options *options);

profile_writer profile_write_table;
profile_writer profile_write_collapsed;
profile_writer profile_write_speedscope;
profile_writer profile_write_html;
profile_writer profile_write_pprof;
profile_writer profile_write_gecko;

#endif
