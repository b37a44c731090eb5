/*
 * The machine that spprof, or the debugger that has loaded it, runs on: what is asked of it besides its processes as targets. live_linux/ answers;
 * another system's folder would.
 */
#ifndef SPPROF_HOST_H
#define SPPROF_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Who traces a process, and who has started it; 0: nobody, there is no such process, or it is not told. */
int64_t spprof_host_tracer(int64_t pid);
int64_t spprof_host_parent(int64_t pid);

/* Whether a signal was sent to the process that none of its threads has taken yet. */
bool spprof_host_signal_pends(int64_t pid, int signal);

/* Whether the process is stopped by its tracer, has ended, or is gone. A main thread that has ended while others run looks like that, too. */
bool spprof_host_stands(int64_t pid);

/* A descriptor of a process, owned by the caller: a signal by it cannot meet another process of the same id. -1: there is none. */
int spprof_host_process_open(int64_t pid);
bool spprof_host_process_signal(int process, int signal);

/* The arguments that a process was started with, joined by blanks, of at most 64 KiB; owned by the caller. NULL: not told. */
char *spprof_host_command_line(int64_t pid);

/* The arguments that this very process was started with, each ended by NUL; how many bytes were written, at most size. 0: not told. */
size_t spprof_host_own_arguments(char *arguments, size_t size);

/* Goes through the paths of the files that this process has mapped from their first byte on, until look returns true. */
void spprof_host_find_mapped(bool (*look)(void *context, const char *path), void *context);

/* The dynamic symbols of the loaded objects whose file has this in its name are found by all others from now on. */
void spprof_host_show_symbols(const char *part);

/* A descriptor, owned by the caller, of the file that a descriptor of ours is open for, opened anew for writing that never waits; -1: refused. */
int spprof_host_reopen(int fd);

/* The descriptor of ours that a path stands for ("/dev/stdout", "/dev/fd/3"); -1: it is the name of a file. */
int spprof_host_descriptor_of(const char *path);

/* A new file that has no name and lies in memory; owned by the caller; -1: there can be none. */
int spprof_host_memory_file(const char *purpose);

#ifdef __cplusplus
}
#endif
#endif
