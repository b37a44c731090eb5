/* What the kernel says of other processes of this machine in a line or two, and signals for them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spprof/host.h"

enum { COMMAND_MAX = 1 << 16 };

/* A number of /proc/PID/status, by scanf's format of its line; 0: there is no such process, or line. */
__attribute__((format(scanf, 2, 0))) static int64_t status_number(int64_t pid, const char *format)
{
    char path[64], line[256];
    int64_t value = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL && sscanf(line, format, &value) != 1)
        continue;
    if (file != NULL)
        fclose(file);
    return value;
}

int64_t spprof_host_tracer(int64_t pid)
{
    return status_number(pid, "TracerPid: %" SCNd64);
}

int64_t spprof_host_parent(int64_t pid)
{
    return status_number(pid, "PPid: %" SCNd64);
}

bool spprof_host_signal_pends(int64_t pid, int signal)
{
    return ((uint64_t)status_number(pid, "ShdPnd: %" SCNx64) >> (signal - 1) & 1) != 0;
}

bool spprof_host_stands(int64_t pid)
{
    char path[64], stat[256];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return true;
    size_t size = fread(stat, 1, sizeof stat - 1, file);
    fclose(file);
    stat[size] = '\0';
    const char *name_end = strrchr(stat, ')');
    return name_end == NULL || strcspn(name_end, "tZX") == strlen(") ");
}

int spprof_host_process_open(int64_t pid)
{
    return (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
}

bool spprof_host_process_signal(int process, int signal)
{
    return syscall(SYS_pidfd_send_signal, process, signal, NULL, 0) == 0;
}

char *spprof_host_command_line(int64_t pid)
{
    char path[64], *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/cmdline", pid);
    FILE *file = fopen(path, "rbe");
    FILE *stream = file != NULL ? open_memstream(&text, &size) : NULL;
    if (stream != NULL) {
        for (int c = getc(file), next; c != EOF && size < COMMAND_MAX; c = next) {
            next = getc(file);
            if (c != '\0' || next != EOF)
                putc(c != '\0' ? c : ' ', stream);
        }
        fclose(stream);
    }
    if (file != NULL)
        fclose(file);
    return text;
}
