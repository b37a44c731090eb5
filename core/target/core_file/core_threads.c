#include "target/core_file/core_threads.h"

#include <elf.h>
#include <signal.h>
#include <string.h>

#include "target/system_call.h"

/* Of struct user_regs_struct (x86-64) and struct user_pt_regs (aarch64), in words of 8 bytes. */
enum {
    X86_RAX = 10,
    X86_RDI = 14,
    X86_ORIG_RAX = 15,
    X86_RIP = 16,
    X86_FS_BASE = 21,
    ARM_X0 = 0,
    ARM_X8 = 8,
    ARM_PC = 32,
};

static uint64_t register_of(const struct core_thread *thread, size_t index)
{
    uint64_t value;
    memcpy(&value, thread->registers + index * sizeof value, sizeof value);
    return value;
}

static void describe_x86_64(const struct core_thread *note, struct spprof_native_thread *thread)
{
    uint64_t number = register_of(note, X86_ORIG_RAX);
    thread->thread_pointer = register_of(note, X86_FS_BASE);
    thread->activity = SPPROF_ACTIVITY_RUNNING;
    if ((int64_t)number >= 0 && target_system_call_is_interrupted(register_of(note, X86_RAX)))
        target_system_call_waits(thread, number, register_of(note, X86_RDI));
}

static void describe_aarch64(const struct core_thread *note, const struct elf_reader *reader, struct spprof_native_thread *thread)
{
    uint32_t code[2];
    if (note->tls != NULL)
        memcpy(&thread->thread_pointer, note->tls, sizeof thread->thread_pointer);
    if (note->has_system_call && note->system_call >= 0) {
        thread->activity = SPPROF_ACTIVITY_IDLE;
        return;
    }
    if (!note->has_system_call || !reader->read(reader->context, register_of(note, ARM_PC) - sizeof code[0], code, sizeof code))
        return;
    target_system_call_of_aarch64(code, register_of(note, ARM_X0), register_of(note, ARM_X8), thread);
}

static bool is_of_fault(int signal)
{
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE;
}

int target_core_signal(const struct core_notes *notes, enum core_writer writer)
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

void target_core_thread_describe(const struct core_notes *notes, size_t index, unsigned machine, enum core_writer writer,
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
    thread->has_program_counter = true;
    thread->program_counter = register_of(note, machine == EM_X86_64 ? X86_RIP : ARM_PC);
    if (index == 0)
        set_signal(note, target_core_signal(notes, writer), thread);
}
