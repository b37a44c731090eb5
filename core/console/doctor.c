#include "base/cleanup.h"
#include "console/console.h"

struct spprof_error *console_doctor(struct spprof_console *console, struct words *words, struct console_output *output)
{
    struct options options = {.verb = FOR_DOCTOR};
    struct spprof_diagnosis diagnosis = {0};
    TRY(options_parse(&options, words->count, words->items));
    if (options.operand_count > 0 || options.sysroot != NULL)
        return spprof_error_new(SPPROF_ERROR_USAGE, "spprof doctor takes no operand and no --sysroot here: it looks at what %s has open",
                                console->ops->debugger_name);
    if (options.help) {
        fputs("Options:\n", output->stream);
        options_print(output->stream, FOR_DOCTOR);
        return NULL;
    }
    TRY(console_open_target(console));
    console->target->budget.memory_limit = options.memory;
    struct spprof_error *error = spprof_diagnose(console->target, &diagnosis);
    console->target->budget.memory_limit = 0;
    const struct spprof_report_options wanted = console_report_options(console, &options);
    spprof_report_diagnosis(output->stream, &diagnosis, &wanted);
    spprof_diagnosis_free(&diagnosis);
    return error;
}
