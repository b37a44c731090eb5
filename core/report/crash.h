/* What a target died of. */
#ifndef SPPROF_REPORT_CRASH_H
#define SPPROF_REPORT_CRASH_H

#include "spprof/snapshot.h"

enum { SIGNAL_NAME_SIZE = 24 };

/* "SIGSEGV", or "signal 35" where it has no name: of Linux on x86-64 and aarch64, whatever system spprof itself runs on. */
void report_signal_name(int signal, char name[SIGNAL_NAME_SIZE]);

#endif
