/* Debug information: an ELF file that is its own debug file. */
#include "layout/dwarf.h"

#include "targets/target.h"

static const uint8_t *bytes;
static size_t byte_count;

static struct spprof_error *open_module(struct spprof_target *target, const struct spprof_module *module, int *fd)
{
    (void)target, (void)module;
    *fd = file_of(bytes, byte_count);
    return NULL;
}

static struct spprof_error *open_file(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    (void)target;
    *fd = -1;
    *started_at = 0;
    return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "%s is not there", path);
}

static const struct spprof_target_ops ops = {.open_module = open_module, .open_file = open_file};

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static char path[] = "/opt/python";
    struct spprof_target target = {.ops = &ops, .pointer_size = 8, .long_size = 8};
    const struct spprof_module module = {.path = path};
    struct dwarf_offsets offsets = {0};
    bytes = input;
    byte_count = size;
    struct spprof_error *error = layout_dwarf_offsets_read(&target, &module, NULL, &offsets);
    check_error(error);
    if (error == NULL) {
        REQUIRE(offsets.found <= LAYOUT_FIELD_COUNT);
        for (size_t i = 0; i < LAYOUT_FIELD_COUNT; i++)
            REQUIRE(offsets.offset[i] >= LAYOUT_ABSENT && offsets.offset[i] < 1 << 21);
        layout_dwarf_offsets_free(&offsets);
    }
    spprof_problems_free(&target.problems);
    return 0;
}
