/* What a target died of. */
#ifndef SPPROF_REPORT_CRASH_H
#define SPPROF_REPORT_CRASH_H

#include "spprof/snapshot.h"

enum { SIGNAL_NAME_SIZE = 24 };

/* "SIGSEGV", or "signal 35" where it has no name: of Linux on x86-64 and aarch64, whatever system spprof itself runs on. */
void signal_name(int signal, char name[SIGNAL_NAME_SIZE]);

/* The thread whose signal carries the address that could not be used; NULL where there is none or Python does not know it. */
const struct spprof_thread *faulting_thread(const struct spprof_snapshot *snapshot);

#endif
