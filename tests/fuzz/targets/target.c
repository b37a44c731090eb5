#include "targets/target.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spprof/report.h"

int file_of(const uint8_t *bytes, size_t size)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    REQUIRE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* As whoever shows it writes it. */
static void check_shown(const char *text)
{
    struct printed printed;
    REQUIRE(text[0] != '\0');
    open_print(&printed);
    spprof_write_escaped(printed.stream, text, strlen(text));
    close_print(&printed, true);
}

void check_error(struct spprof_error *error)
{
    if (error != NULL)
        check_shown(error->message);
    spprof_error_free(error);
}

void check_problems(const struct spprof_target *target)
{
    for (size_t i = 0; i < target->problems.count; i++)
        check_shown(target->problems.texts[i]);
}

uint64_t take_number(const uint8_t **input, size_t *left, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i<size && * left> 0; i++, (*left)--)
        number |= (uint64_t) * (*input)++ << 8 * i;
    return number;
}
