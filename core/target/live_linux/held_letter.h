/* The letters that stand for the states of threads in /proc. */
#ifndef SPPROF_TARGET_LIVE_LINUX_HELD_LETTER_H
#define SPPROF_TARGET_LIVE_LINUX_HELD_LETTER_H

#include "spprof/target.h"

/* By the letter in /proc/PID/stat (proc(5)). A frozen thread is not told from one that waits. */
enum spprof_held target_held_by_letter(char letter);

#endif
