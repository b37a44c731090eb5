/* What the registers of a thread that stands still, or has died, say of the system call that it waited in. */
#ifndef SPPROF_TARGET_SYSTEM_CALL_H
#define SPPROF_TARGET_SYSTEM_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "spprof/target.h"

/*
 * Whether this is what the kernel leaves in the result's register while it holds a thread that waits: EINTR, or one of its own numbers for
 * "restart" (include/linux/errno.h), which no program ever sees. Any other value: the call had ended.
 */
bool target_system_call_is_interrupted(uint64_t result);

/* The thread waits in this call. */
void target_system_call_waits(struct spprof_native_thread *thread, uint64_t number, uint64_t argument);

/*
 * Before the aarch64 kernel lets a thread stop or die it forgets the call's number and, where the call would be restarted, puts the first
 * argument back into x0 and the program counter back onto the svc (do_signal in arch/arm64/kernel/signal.c). code: the instructions before
 * the program counter, and at it.
 */
void target_system_call_of_aarch64(const uint32_t code[2], uint64_t x0, uint64_t x8, struct spprof_native_thread *thread);

/* The same where the registers are not known: UNKNOWN behind a call, which may have ended, or been interrupted. */
enum spprof_activity target_system_call_activity_of_aarch64(const uint32_t code[2]);

#endif
