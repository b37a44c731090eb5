/* What Linux says of a process by the same bits while it lives and in its core. */
#ifndef SPPROF_TARGET_PROCESS_FLAGS_H
#define SPPROF_TARGET_PROCESS_FLAGS_H

/* PF_FORKNOEXEC, include/linux/sched.h: in the flags of /proc/PID/stat, and in those of a core's NT_PRPSINFO. */
enum { FORKED_WITHOUT_EXEC = 0x40 };

#endif
