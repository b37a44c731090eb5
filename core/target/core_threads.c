#include "target/core_threads.h"

#include <elf.h>
#include <signal.h>
#include <string.h>

/* Of struct user_regs_struct (x86-64) and struct user_pt_regs (aarch64), in words of 8 bytes. */
enum {
    X86_RAX = 10,
    X86_RDI = 14,
    X86_ORIG_RAX = 15,
    X86_FS_BASE = 21,
    ARM_X0 = 0,
    ARM_X8 = 8,
    ARM_PC = 32,
};

enum { ARM_SVC = 0xd4000001u }; /* svc #0 */

static uint64_t register_of(const struct core_thread *thread, size_t index)
{
    uint64_t value;
    memcpy(&value, thread->registers + index * sizeof value, sizeof value);
    return value;
}

/*
 * What the kernel leaves in the result's register while it holds a thread that waits: EINTR, or one of its own numbers for
 * "restart" (include/linux/errno.h), which no program ever sees. Any other value: the call had ended.
 */
static bool is_interrupted(uint64_t result)
{
    enum { RESTARTSYS = 512, RESTARTNOINTR = 513, RESTARTNOHAND = 514, RESTART_RESTARTBLOCK = 516, INTERRUPTED = 4 };
    switch (-result) {
    case INTERRUPTED:
    case RESTARTSYS:
    case RESTARTNOINTR:
    case RESTARTNOHAND:
    case RESTART_RESTARTBLOCK: return true;
    default: return false;
    }
}

static void set_system_call(struct spprof_native_thread *thread, uint64_t number, uint64_t argument)
{
    thread->activity = SPPROF_ACTIVITY_IDLE;
    thread->in_system_call = true;
    thread->system_call = (int64_t)number;
    thread->system_call_argument = argument;
}

static void describe_x86_64(const struct core_thread *note, struct spprof_native_thread *thread)
{
    uint64_t number = register_of(note, X86_ORIG_RAX);
    thread->thread_pointer = register_of(note, X86_FS_BASE);
    thread->activity = SPPROF_ACTIVITY_RUNNING;
    if ((int64_t)number >= 0 && is_interrupted(register_of(note, X86_RAX)))
        set_system_call(thread, number, register_of(note, X86_RDI));
}

/*
 * Before the aarch64 kernel lets a thread stop or die it forgets the call's number and, where the call would be restarted,
 * puts the first argument back into x0 and the program counter back onto the svc (do_signal in arch/arm64/kernel/signal.c).
 */
static void describe_aarch64(const struct core_thread *note, const struct elf_reader *reader, struct spprof_native_thread *thread)
{
    uint32_t code[2]; /* before the program counter, and at it */
    if (note->tls != NULL)
        memcpy(&thread->thread_pointer, note->tls, sizeof thread->thread_pointer);
    if (note->has_system_call && note->system_call >= 0) {
        thread->activity = SPPROF_ACTIVITY_IDLE;
        return;
    }
    if (!note->has_system_call || !reader->read(reader->context, register_of(note, ARM_PC) - sizeof code[0], code, sizeof code))
        return;
    if (code[1] == ARM_SVC)
        set_system_call(thread, register_of(note, ARM_X8), register_of(note, ARM_X0));
    else if (code[0] == ARM_SVC && is_interrupted(register_of(note, ARM_X0)))
        thread->activity = SPPROF_ACTIVITY_IDLE; /* it ended with EINTR: the argument is lost */
    else
        thread->activity = SPPROF_ACTIVITY_RUNNING;
}

static bool is_of_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
}

int core_signal(const struct core_notes *notes, enum core_writer writer)
{
    if (notes->thread_count == 0)
        return 0;
    const struct core_thread *first = &notes->threads[0];
    int signal = first->has_siginfo && first->signal_number != 0 ? first->signal_number : first->signal;
    /* A debugger stops a process by signals that kill nothing; only those below are an end that it caught. */
    if (writer == CORE_BY_DEBUGGER && !is_of_fault(signal) && signal != SIGABRT && signal != SIGSYS)
        return 0;
    return signal;
}

static void set_signal(const struct core_thread *note, int signal, struct spprof_native_thread *thread)
{
    thread->signal = signal;
    if (signal == 0)
        return;
    thread->activity = SPPROF_ACTIVITY_RUNNING;
    /* Codes of 0 and below come from kill(2) and its like; SI_KERNEL is a fault of which the processor tells no address. */
    if (note->has_siginfo && is_of_fault(signal) && note->signal_code > 0 && note->signal_code != SI_KERNEL) {
        thread->has_fault_address = true;
        thread->fault_address = note->fault_address;
    }
}

void core_thread_describe(const struct core_notes *notes, size_t index, unsigned machine, enum core_writer writer,
                          const struct elf_reader *reader, struct spprof_native_thread *thread)
{
    const struct core_thread *note = &notes->threads[index];
    *thread = (struct spprof_native_thread){.tid = note->tid, .target_tid = note->tid};
    if (notes->has_process && notes->pid == note->tid)
        memcpy(thread->name, notes->name, sizeof notes->name);
    if (writer != CORE_BY_EMULATOR && machine == EM_X86_64)
        describe_x86_64(note, thread);
    else if (writer != CORE_BY_EMULATOR)
        describe_aarch64(note, reader, thread);
    if (index == 0)
        set_signal(note, core_signal(notes, writer), thread);
}
