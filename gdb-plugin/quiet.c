#include "quiet.h"

#include <stdio.h>
#include <unistd.h>

#include "gdb.h"
#include "spprof/host.h"

static void flush(void)
{
    Py_XDECREF(gdb_call("flush"));
    fflush(stdout);
}

void quiet_begin(struct quiet *quiet)
{
    flush();
    quiet->output = dup(STDOUT_FILENO);
    quiet->kept = quiet->output >= 0 ? spprof_host_memory_file("gdb's output") : -1;
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

void quiet_end(struct quiet *quiet)
{
    if (quiet->kept < 0)
        return;
    flush();
    dup2(quiet->output, STDOUT_FILENO);
    close(quiet->output);
}

void quiet_show(const struct quiet *quiet)
{
    char piece[4096];
    off_t at = 0;
    flush();
    for (ssize_t size = 1; quiet->kept >= 0 && size > 0; at += size) {
        size = pread(quiet->kept, piece, sizeof piece, at);
        for (ssize_t done = 0, written = 1; done < size && written > 0; done += written)
            written = write(STDOUT_FILENO, piece + done, (size_t)(size - done));
    }
}

void quiet_free(struct quiet *quiet)
{
    if (quiet->kept >= 0)
        close(quiet->kept);
    quiet->kept = -1;
}
