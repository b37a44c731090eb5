/*
 * To be preloaded: moves every mapping of the files whose path holds MOVED into anonymous memory at the same addresses, as tools do to get
 * huge pages. With MOVED_BARE they do not look like ELF any more. PARKING_PROC is a descriptor of /proc, which a chroot may lack.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char maps[1 << 20];

static void read_maps(const char *descriptor)
{
    int fd = openat(atoi(descriptor), "self/maps", O_RDONLY);
    size_t size = 0;
    for (ssize_t got; fd >= 0 && (got = read(fd, maps + size, sizeof maps - 1 - size)) > 0;)
        size += (size_t)got;
    close(fd);
}

static void move(char *start, size_t size, int protection)
{
    void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        abort();
    memcpy(copy, start, size);
    if (getenv("MOVED_BARE") != NULL && memcmp(copy, "\177ELF", 4) == 0)
        memset(copy, 0, 4);
    mprotect(copy, size, protection);
    if (mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, start) == MAP_FAILED)
        abort();
}

__attribute__((constructor)) void move_files(void)
{
    const char *descriptor = getenv("PARKING_PROC"), *moved = getenv("MOVED");
    if (descriptor == NULL || moved == NULL)
        return;
    read_maps(descriptor);
    for (char *rest = maps, *line; (line = strsep(&rest, "\n")) != NULL;) {
        unsigned long start, end;
        char allowed[8];
        if (strstr(line, moved) == NULL || sscanf(line, "%lx-%lx %7s", &start, &end, allowed) != 3 || allowed[0] != 'r')
            continue;
        move((char *)start, end - start, PROT_READ | (allowed[1] == 'w' ? PROT_WRITE : 0) | (allowed[2] == 'x' ? PROT_EXEC : 0));
    }
}
