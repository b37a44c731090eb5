#include "target/read_at.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

bool target_read_at(int fd, uint64_t offset, void *buffer, size_t size)
{
    char *bytes = buffer;
    for (size_t done = 0; done < size;) {
        errno = 0;
        if (offset > INT64_MAX - size)
            return false;
        ssize_t got = pread(fd, bytes + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

const char *target_read_at_reason(int number)
{
    return number == 0 ? "it ends too early" : strerror(number);
}
