/* Compressed files. */
#include "target/core_file/decompress.h"

#include <sys/stat.h>
#include <unistd.h>

#include "targets/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct spprof_target target = {0}; /* for its problems */
    int fd = file_of(input, size), plain = -1;
    if (target_compression_of(fd) != NULL) {
        struct stat status;
        struct spprof_error *error = target_decompress(fd, "input", NULL, &target.problems, &plain);
        REQUIRE((error == NULL) == (plain >= 0));
        REQUIRE(plain < 0 || fstat(plain, &status) == 0);
        check_error(error);
        check_problems(&target);
        spprof_problems_free(&target.problems);
    }
    if (plain >= 0)
        close(plain);
    close(fd);
    return 0;
}
