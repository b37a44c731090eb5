/* A live process of Linux, through /proc, process_vm_readv and ptrace. What process*.c share. */
#ifndef SPPROF_TARGET_PROCESS_H
#define SPPROF_TARGET_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "spprof/target.h"
#include "target/file_user.h"
#include "target/live_linux/process_guard.h"

/* A thread as /proc shows it, and as it was stopped. */
struct process_thread {
    struct spprof_native_thread native;
    char state;  /* of /proc/PID/task/TID/stat, before it was stopped */
    bool seized; /* by ptrace */
    bool stopped;
    bool late;          /* it was to stop, and had not when it was let go */
    bool group_stopped; /* by job control: it must not run when it is let go */
    int pending_signal; /* that arrived with the stop, to be delivered at the release */
};

struct process_threads {
    struct process_thread *items;
    size_t count, capacity;
};

struct process {
    struct spprof_target target; /* first: a target is cast to its process */
    int directory;               /* /proc/PID, opened once: the number cannot come to mean another process */
    int64_t living;              /* a thread by which its memory and files are reached: the main one as long as it lives */
    int memory;                  /* /proc/PID/mem, or -1 */
    bool readv_refused;          /* process_vm_readv is not permitted here (seccomp) though /proc/PID/mem is */
    bool nested;                 /* in a PID namespace of its own */
    bool modules_known;
    struct spprof_modules modules;
    struct spprof_mapping *regions; /* known with the modules */
    size_t region_count;
    struct process_threads threads; /* of the last stop */
    bool threads_known;
    bool is_child;               /* of ours: how it ends is not to be taken from those who wait for it */
    uint64_t stop_began;         /* CLOCK_MONOTONIC, ns */
    bool one_of_many;            /* the stop is a look of many: who is late is let go later, and not told of */
    struct process *next_late;   /* of those with threads that are late */
    struct process_guard *guard; /* NULL: nothing was stopped yet */
};

/* process_files.c */
/* Reads a small file below /proc/PID; a malloced text ended by NUL, NULL where it cannot be read. */
char *target_process_read_file(const struct process *process, const char *name);
struct spprof_error *target_process_find_modules(struct process *process);
/* False: it is a copy of its parent, or cannot be told. */
bool target_process_began_by_exec(const struct process *process);
struct spprof_error *target_process_open_module(struct spprof_target *target, const struct spprof_module *module, int *fd);
struct spprof_error *target_process_open_file(struct spprof_target *target, const char *path, int *fd, int64_t *started_at);
struct spprof_error *target_process_find_symbol(struct spprof_target *target, const struct spprof_module *module, const char *name,
                                                uint64_t *address);
struct spprof_error *target_process_find_section(struct spprof_target *target, const struct spprof_module *module, const char *name,
                                                 uint64_t *address, uint64_t *size);

/* process_user.c: with whose rights it opens files; to be cleared by target_file_user_clear. */
struct spprof_error *target_process_file_user(const struct process *process, struct file_user *user);

/*
 * process_living.c: a main thread that ends while others run keeps its entry in /proc, which shows neither memory nor files any more; those of
 * the others do.
 */
/* Looks for a thread that has not ended. False: there is no other than the one that is known. */
bool target_process_find_living(struct process *process);
/* Where below /proc/PID a file is that shows memory or files: of a thread that lives. */
void target_process_living_path(struct process *process, const char *name, char *path, size_t size);
int target_process_open_living(struct process *process, const char *name, int flags);

/* process_refusal.c: a PERMISSION error that says why, and what to do. */
struct spprof_error *target_process_refused(const struct process *process);

/* process_threads.c: lists the threads and what /proc says of them; those already in the list are left as they are. */
struct spprof_error *target_process_list_threads(struct process *process, struct process_threads *threads);
/* NULL: it is not in the list. */
struct process_thread *target_process_find_thread(const struct process_threads *threads, int64_t tid);
/* What the kernel says of a thread now: 'R', 'S', 'D', ...; '?' where it is gone. */
char target_process_thread_state(const struct process *process, int64_t tid);
/* Whether its cgroup is frozen: then it runs no code, and stops for nobody. */
bool target_process_is_frozen(const struct process *process);
struct spprof_error *target_process_threads(struct spprof_target *target, struct spprof_native_threads *threads);

/* Adds those of the process that are not in the list yet. */
struct spprof_error *target_process_add_threads(const struct process *process, struct process_threads *threads, const int64_t *tids, size_t count);

/* process_stop.c */
struct spprof_error *target_process_stop(struct spprof_target *target);
struct spprof_error *target_process_stop_some(struct spprof_target *target, const int64_t *tids, size_t count);
enum spprof_standing target_process_stands(struct spprof_target *target, int64_t tid);
bool target_process_waited(struct spprof_target *target, int64_t tid);
void target_process_resume(struct spprof_target *target);
/* Lets go of all threads, and waits for those that are late, but not long. False: some have not stopped yet; the process is to be kept for them. */
bool target_process_stop_end(struct process *process);

#endif
