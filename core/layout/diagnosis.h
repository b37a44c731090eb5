/* Adding to a diagnosis: what the doctor found. */
#ifndef SPPROF_LAYOUT_DIAGNOSIS_H
#define SPPROF_LAYOUT_DIAGNOSIS_H

#include "spprof/session.h"

/* Adds one finding; kind is one of SPPROF_FINDING_*. Where memory has run out it is dropped: findings are told best-effort. */
void layout_diagnosis_add(struct spprof_diagnosis *diagnosis, int kind, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
