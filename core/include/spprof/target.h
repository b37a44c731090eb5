/*
 * A target: bytes at an address, kernel threads, mapped modules and their symbols. A live process, a core file, a
 * debugger's current program or a memory image all look like this; nothing above this header knows which it is.
 */
#ifndef SPPROF_TARGET_H
#define SPPROF_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spprof/budget.h"
#include "spprof/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spprof_read_status {
    SPPROF_READ_PENDING = 0, /* not tried yet */
    SPPROF_READ_OK,
    SPPROF_READ_UNMAPPED,    /* the target has nothing at this address */
    SPPROF_READ_NOT_IN_CORE, /* mapped when the core was written, but neither in the core nor in a file at hand */
    SPPROF_READ_TRUNCATED,   /* the core file ends before these bytes */
    SPPROF_READ_GONE,        /* the process has ended */
    SPPROF_READ_DENIED,      /* permission was refused */
    SPPROF_READ_NOT_KEPT,    /* the budget of memory is used up, or the machine has none */
};

/* One piece of a batched read. buffer holds size bytes and is owned by the caller; it is whole when status is OK, else undefined. */
struct spprof_range {
    uint64_t address;
    size_t size;
    void *buffer;
    enum spprof_read_status status;
};

enum spprof_activity { SPPROF_ACTIVITY_UNKNOWN, SPPROF_ACTIVITY_RUNNING, SPPROF_ACTIVITY_IDLE };

/* What keeps a thread from running, where it does not wait of its own accord. */
enum spprof_held {
    SPPROF_HELD_NOT,
    SPPROF_HELD_STOPPED,         /* by a signal: SIGSTOP, Ctrl-Z */
    SPPROF_HELD_FROZEN,          /* with its cgroup */
    SPPROF_HELD_TRACED,          /* by a debugger */
    SPPROF_HELD_UNINTERRUPTIBLE, /* it sleeps in the kernel, and no signal wakes it */
    SPPROF_HELD_KINDS
};

/* Names as in the JSON: "stopped", "frozen", "traced", "uninterruptible"; of NOT: NULL. */
extern const char *const spprof_held_names[SPPROF_HELD_KINDS];

/* A thread as the kernel knows it. Facts that a target cannot tell are 0, "" or UNKNOWN; they are never guessed. */
struct spprof_native_thread {
    int64_t tid;        /* as the user of spprof sees it (host PID namespace) */
    int64_t target_tid; /* as the target itself sees it (its own PID namespace); equal to tid outside containers and in cores */
    char name[64];      /* the kernel's name of the thread (comm), raw bytes ended by NUL */
    enum spprof_activity activity;
    enum spprof_held held;
    char held_by[96];              /* who holds it, as people write it; "" unknown */
    bool in_system_call;           /* it is in one, or on its way out of it; system_call and system_call_argument are known */
    int64_t system_call;           /* number, of the target's architecture */
    uint64_t system_call_argument; /* its first argument: the futex's address where the call is futex */
    uint64_t thread_pointer;       /* fs_base on x86-64, tpidr_el0 on aarch64 */
    int signal;                    /* the signal that this thread died of, else 0 */
    bool has_fault_address;        /* signal carries an address (SIGSEGV, SIGBUS, SIGILL, SIGFPE) */
    uint64_t fault_address;
    bool has_program_counter; /* told of the threads of cores */
    uint64_t program_counter;
};

struct spprof_native_threads {
    struct spprof_native_thread *items;
    size_t count;
};
void spprof_native_threads_free(struct spprof_native_threads *threads);

/* One mapped range. */
struct spprof_mapping {
    uint64_t start, end; /* addresses, half-open */
    uint64_t offset;     /* in the file; meaningless for the anonymous tail (.bss) */
    bool readable, writable, executable, anonymous;
};

/* An ELF (Mach-O, PE) object in the target's memory. The same file mapped twice is two modules. */
struct spprof_module {
    char *path;     /* as the target knew it, raw bytes, " (deleted)" removed; "" where the target keeps no names */
    bool deleted;   /* the file was removed or replaced since */
    bool main;      /* the executable itself */
    uint64_t start; /* address of the first byte (ELF header) */
    uint64_t end;
    uint64_t bias;                   /* address = bias + p_vaddr */
    struct spprof_mapping *mappings; /* sorted by start; the writable ones include .bss */
    size_t mapping_count;
    uint8_t build_id[64];
    size_t build_id_size; /* 0: none known */
    void *private_data;   /* of the target */
};

struct spprof_modules {
    struct spprof_module *items;
    size_t count;
};

enum spprof_standing { SPPROF_HAS_ENDED, SPPROF_STILL_RUNS, SPPROF_STANDS };
enum spprof_architecture { SPPROF_ARCHITECTURE_UNKNOWN, SPPROF_X86_64, SPPROF_AARCH64 };
enum spprof_target_kind { SPPROF_TARGET_PROCESS, SPPROF_TARGET_CORE };

struct spprof_target;

/*
 * The operations of a target. All but read_many may be NULL where the target cannot serve them. None keeps a pointer
 * that the caller passed. Lists that modules() gives belong to the target and live until close.
 */
struct spprof_target_ops {
    /* Fills every range and sets its status, in as few system calls as possible; one bad range never spoils another. */
    void (*read_many)(struct spprof_target *target, struct spprof_range *ranges, size_t count);
    struct spprof_error *(*threads)(struct spprof_target *target, struct spprof_native_threads *threads);
    struct spprof_error *(*modules)(struct spprof_target *target, const struct spprof_modules **modules);
    /* Every mapped range that can be read, sorted by start, whether a file is mapped there or not; in a core what it holds itself. */
    struct spprof_error *(*regions)(struct spprof_target *target, const struct spprof_mapping **regions, size_t *count);
    /* Address of a defined symbol of one module (dynamic symbols, then .symtab); NOT_FOUND where it has none. */
    struct spprof_error *(*find_symbol)(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address);
    /* Address and size of a loaded section of one module; NOT_FOUND where it has none or its file is not at hand. */
    struct spprof_error *(*find_section)(struct spprof_target *target, const struct spprof_module *module, const char *name, uint64_t *address,
                                         uint64_t *size);
    /* A descriptor, owned by the caller, of the very file that is mapped (identity checked), for its debug information. */
    struct spprof_error *(*open_module)(struct spprof_target *target, const struct spprof_module *module, int *fd);
    /* Opens a file by the path that the target knows it by (its root directory, the sysroot of a core), read-only.
     * started_at gets the time, in ns since the epoch, since when the target has run; 0 where unknown. */
    struct spprof_error *(*open_file)(struct spprof_target *target, const char *path, int *fd, int64_t *started_at);
    /* Stops every thread together, lets them go again. Only a live process has these. */
    struct spprof_error *(*stop)(struct spprof_target *target);
    void (*resume)(struct spprof_target *target);
    /*
     * For many stops in a row: stops these threads together (tids NULL: all of them). One that does not stop soon is left running, and one that
     * has ended is passed over. Nothing is held between resume() and the next stop.
     */
    struct spprof_error *(*stop_some)(struct spprof_target *target, const int64_t *tids, size_t count);
    /* What has become of a thread that was to be stopped. */
    enum spprof_standing (*stands)(struct spprof_target *target, int64_t tid);
    /*
     * Whether a thread that stands waited in a system call when it was stopped (told on x86-64 only). It wakes up to be stopped, and seems to
     * run until it waits again.
     */
    bool (*waited)(struct spprof_target *target, int64_t tid);
    /* Releases the private data and the target itself; spprof_target_close has freed executable and problems before. */
    void (*close)(struct spprof_target *target);
};

struct spprof_target {
    const struct spprof_target_ops *ops;
    enum spprof_target_kind kind;
    enum spprof_architecture architecture;
    unsigned pointer_size; /* bytes */
    unsigned long_size;    /* bytes of C's long: 8, and 4 on Windows (LLP64) */
    int64_t pid;           /* of the process; in a core the dead one's; 0 unknown */
    bool local;            /* a process of this machine, by the pid that it has for spprof, too */
    bool began_by_exec;    /* not as a copy of its parent, as far as is known */
    char *executable;      /* path as the target knew it, raw bytes; NULL unknown */
    int signal;            /* a core's: the signal it died of; 0 for a live process or a gcore core */
    struct spprof_problems problems;
    struct spprof_budget budget;
    char *lacks; /* of a core: which part of the process's memory it lacks, why, and what to do; owned; NULL: it is whole, as far as it tells */
    const char *access; /* how its memory is reached, for the doctor: a static text; NULL: as its kind says */
    /* What reading cost so far: read calls (system calls where the target makes such), bytes. */
    uint64_t read_calls, read_bytes;
    uint64_t stopped_ns; /* how long the last stop lasted, from the first thread's interrupt to the last one's release */
};

/* Opens a live process by the PID that it has for the caller. Errors: NOT_FOUND, PERMISSION. Close with spprof_target_close. */
struct spprof_error *spprof_process_open(int64_t pid, struct spprof_target **target);

struct spprof_core_options {
    const char *executable; /* file of the executable, or NULL: where the core says, below sysroot */
    const char *sysroot;    /* directory below which the mapped files lie, or NULL */
    uint64_t memory_limit;  /* of the target's budget; 0: as much as by default */
};

/* Opens an ELF core file (plain, or compressed by zstd, lz4, gzip, xz). Errors: NOT_FOUND, PERMISSION, BAD_FILE. */
struct spprof_error *spprof_core_open(const char *path, const struct spprof_core_options *options, struct spprof_target **target);

void spprof_target_close(struct spprof_target *target); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
