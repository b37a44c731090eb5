/* Source files and bytecode, as a report prints them: a line, a first line, a version, the size of the bytecode, the bytecode, the source. */
#include <string.h>
#include <sys/stat.h>

#include "spprof/report.h"
#include "targets/target.h"

enum { MODIFIED_AT = 0x74747474 }; /* "tttt" in bytecode that is made from the source */

static struct {
    const uint8_t *source, *bytecode;
    size_t source_size, bytecode_size;
} files;

static struct spprof_error *open_file(struct spprof_target *target, const char *path, int *fd, int64_t *started_at)
{
    (void)target;
    bool bytecode = strstr(path, "__pycache__") != NULL;
    static const struct timespec times[2] = {{.tv_sec = MODIFIED_AT}, {.tv_sec = MODIFIED_AT}};
    *fd = bytecode ? file_of(files.bytecode, files.bytecode_size) : file_of(files.source, files.source_size);
    REQUIRE(futimens(*fd, times) == 0);
    *started_at = INT64_MAX; /* whatever the file says, it is old */
    return NULL;
}

static const struct spprof_target_ops ops = {.open_file = open_file};

static void print(struct spprof_target *target, struct spprof_snapshot *snapshot)
{
    const struct spprof_report_options options = {.source = true, .target = target};
    struct printed text;
    open_print(&text);
    spprof_report_text(text.stream, snapshot, &options);
    close_print(&text, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static const uint8_t line_table[] = {0x80, 0x00, 0x81, 0x01};
    static char name[] = "<module>", path[] = "/srv/work.py";
    struct spprof_code code = {.name = {name, sizeof name - 1}, .file = {path, sizeof path - 1}};
    struct spprof_code *codes[] = {&code};
    struct spprof_frame frame = {.code = &code, .end_line = SPPROF_NO_POSITION, .column = SPPROF_NO_POSITION, .end_column = SPPROF_NO_POSITION};
    struct spprof_thread thread = {.frames = &frame, .frame_count = 1};
    struct spprof_interpreter interpreter = {.threads = &thread, .thread_count = 1};
    struct spprof_snapshot snapshot = {.interpreters = &interpreter, .interpreter_count = 1, .codes = codes, .code_count = 1};
    struct spprof_target target = {.ops = &ops, .pointer_size = 8, .long_size = 8};
    frame.line = (int32_t)take_number(&input, &size, 2);
    code.first_line = (int32_t)take_number(&input, &size, 1);
    code.line_table = line_table;
    code.line_table_size = sizeof line_table;
    snapshot.python.version = 0x03090000 + (uint32_t)take_number(&input, &size, 1) % 8 * 0x10000;
    uint64_t bytecode_size = take_number(&input, &size, 2);
    files.bytecode = input;
    files.bytecode_size = bytecode_size < size ? bytecode_size : size;
    files.source = input + files.bytecode_size;
    files.source_size = size - files.bytecode_size;
    print(&target, &snapshot);
    spprof_problems_free(&target.problems);
    return 0;
}
