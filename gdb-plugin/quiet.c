#include "quiet.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gdb.h"

static void flush(void)
{
    OWNED done = gdb_call("flush");
    fflush(stdout);
}

void quiet_begin(struct quiet *quiet)
{
    flush();
    quiet->output = dup(STDOUT_FILENO);
    quiet->kept = quiet->output >= 0 ? memfd_create("gdb's output", MFD_CLOEXEC) : -1;
    if (quiet->kept >= 0)
        dup2(quiet->kept, STDOUT_FILENO);
    else if (quiet->output >= 0)
        close(quiet->output);
}

void quiet_forget(const struct quiet *quiet)
{
    if (quiet->kept < 0)
        return;
    flush();
    if (ftruncate(quiet->kept, 0) == 0)
        lseek(quiet->kept, 0, SEEK_SET);
}

static void copy(int from, int to)
{
    char piece[4096];
    lseek(from, 0, SEEK_SET);
    for (ssize_t size = read(from, piece, sizeof piece); size > 0; size = read(from, piece, sizeof piece))
        for (ssize_t done = 0, written = 1; done < size && written > 0; done += written)
            written = write(to, piece + done, (size_t)(size - done));
}

void quiet_end(struct quiet *quiet, bool show)
{
    if (quiet->kept < 0)
        return;
    flush();
    dup2(quiet->output, STDOUT_FILENO);
    if (show)
        copy(quiet->kept, STDOUT_FILENO);
    close(quiet->output);
    close(quiet->kept);
    quiet->kept = -1;
}
