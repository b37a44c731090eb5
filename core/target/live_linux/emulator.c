/* Which process emulates the inferior: a qemu of this machine at the other end of one of our own connections. */
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "spprof/debugger.h"
#include "spprof/host.h"

enum { ADDRESS = 64, CONNECTIONS_MAX = 1 << 16 };

/* A line of /proc/net/tcp: fs/proc of Linux, Documentation/networking/proc_net_tcp.rst. */
struct connection {
    char local[ADDRESS], remote[ADDRESS];
    uint64_t inode;
};

static void close_file(FILE **file)
{
    if (*file != NULL)
        fclose(*file);
}

static void close_folder(DIR **folder)
{
    if (*folder != NULL)
        closedir(*folder);
}

/* Whether one of the process's descriptors is the socket; process is "self" or an id. */
static bool has_socket(const char *process, uint64_t inode)
{
    char path[320], link[64], wanted[64];
    snprintf(wanted, sizeof wanted, "socket:[%" PRIu64 "]", inode);
    snprintf(path, sizeof path, "/proc/%s/fd", process);
    CLEANUP(close_folder) DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof path, "/proc/%s/fd/%s", process, entry->d_name);
        ssize_t size = readlink(path, link, sizeof link - 1);
        link[size > 0 ? size : 0] = '\0';
        if (strcmp(link, wanted) == 0)
            return true;
    }
    return false;
}

/* The next connection of an open list; false: that was the last. */
static bool next_connection(FILE *list, struct connection *connection)
{
    char line[512];
    while (list != NULL && fgets(line, sizeof line, list) != NULL)
        if (sscanf(line, " %*d: %63s %63s %*s %*s %*s %*s %*s %*s %" SCNu64, connection->local, connection->remote, &connection->inode) == 3)
            return true;
    return false;
}

/* Whether the process has the other end of a connection of ours. */
static bool is_other_end(const char *list_path, const char *process, const struct connection *ours)
{
    CLEANUP(close_file) FILE *list = fopen(list_path, "re");
    struct connection theirs;
    while (next_connection(list, &theirs))
        if (strcmp(theirs.local, ours->remote) == 0 && strcmp(theirs.remote, ours->local) == 0)
            return has_socket(process, theirs.inode);
    return false;
}

static bool serves_us(const char *process)
{
    static const char path[] = "/proc/self/net/tcp"; /* the stub of qemu 7.2 listens at an IPv4 address */
    CLEANUP(close_file) FILE *list = fopen(path, "re");
    struct connection ours;
    for (int i = 0; i < CONNECTIONS_MAX && next_connection(list, &ours); i++)
        if (has_socket("self", ours.inode) && is_other_end(path, process, &ours))
            return true;
    return false;
}

static bool is_qemu(const char *process)
{
    char path[64], executable[256];
    snprintf(path, sizeof path, "/proc/%s/exe", process);
    ssize_t size = readlink(path, executable, sizeof executable - 1);
    executable[size > 0 ? size : 0] = '\0';
    const char *slash = strrchr(executable, '/');
    return slash != NULL && strncmp(slash, "/qemu-", strlen("/qemu-")) == 0;
}

/* The process that a thread belongs to; 0: there is none. */
static int64_t process_of(int64_t tid)
{
    char path[64], line[128];
    int64_t pid = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/status", tid);
    CLEANUP(close_file) FILE *status = fopen(path, "re");
    while (status != NULL && pid == 0 && fgets(line, sizeof line, status) != NULL)
        sscanf(line, "Tgid: %" SCNd64, &pid);
    return pid;
}

int spprof_emulator_open(int64_t tid)
{
    char process[32];
    int64_t pid = tid > 0 ? process_of(tid) : 0;
    int descriptor = pid > 0 ? spprof_host_process_open(pid) : -1;
    snprintf(process, sizeof process, "%" PRId64, pid);
    if (descriptor >= 0 && is_qemu(process) && serves_us(process))
        return descriptor;
    if (descriptor >= 0)
        close(descriptor);
    return -1;
}

bool spprof_emulator_interrupt(int emulator)
{
    return spprof_host_process_signal(emulator, SIGINT);
}
