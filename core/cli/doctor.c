#include <stdio.h>

#include "message.h"
#include "operand.h"
#include "options/options.h"
#include "spprof/report.h"
#include "terminal.h"
#include "verb.h"

/* A source that is merely not there (no debug information) is told, but spoils nothing. */
static enum exit_status judge(const struct spprof_diagnosis *diagnosis, const struct spprof_target *target)
{
    for (size_t i = 0; i < diagnosis->count; i++)
        if (diagnosis->findings[i].kind == SPPROF_FINDING_CHECK_FAILED)
            return STATUS_PARTIAL;
    return target->problems.count > 0 ? STATUS_PARTIAL : STATUS_DONE;
}

static enum exit_status run(const struct verb *verb, const struct options *options)
{
    struct spprof_target *target;
    enum exit_status status = cli_operand_open(verb, options, &target);
    if (status != STATUS_DONE)
        return status;

    struct spprof_diagnosis diagnosis = {0};
    const struct spprof_report_options wanted = {.color = cli_terminal_wants_color(options->color), .target = target};
    struct spprof_error *error = spprof_diagnose(target, &diagnosis);
    spprof_report_diagnosis(stdout, &diagnosis, &wanted);
    fflush(stdout);
    status = error == NULL ? judge(&diagnosis, target) : STATUS_UNREADABLE;
    if (error != NULL)
        cli_complain_error(error);
    spprof_diagnosis_free(&diagnosis);
    spprof_target_close(target);
    return status;
}

const struct verb cli_doctor = {
    .name = "doctor",
    .bit = FOR_DOCTOR,
    .operands = "PID|CORE [EXE]",
    .summary = "tell what was found in a process or a core file, how, and what is missing",
    .help = "Tells which Python a process or a core file holds and how that was found, compares every source that tells how its\n"
            "memory is laid out, and says what is missing and what to do about it. EXE is the executable that wrote the core,\n"
            "where it does not lie where the core says.\n",
    .examples = "  spprof doctor 1234\n"
                "  spprof doctor core.1234 ./python3.11\n",
    .run = run,
};
