#include "operand.h"

#include <inttypes.h>
#include <unistd.h>

#include "message.h"
#include "options/number.h"

static struct spprof_error *open_process(const char *digits, struct spprof_target **target)
{
    int64_t pid;
    if (!options_number_parse(digits, &pid) || pid == 0 || pid > INT32_MAX)
        return spprof_error_new(SPPROF_ERROR_NOT_FOUND, "there is no process %s; 'ps -ef' lists the processes", digits);
    return spprof_process_open(pid, target);
}

static enum exit_status open_core(const struct options *options, struct spprof_target **target)
{
    const struct spprof_core_options core = {
        .executable = options->operand_count > 1 ? options->operands[1] : NULL,
        .sysroot = options->sysroot,
        .memory_limit = options->memory,
    };
    if (options->verbose)
        cli_message("'%s' is taken as a core file", options->operands[0]);
    struct spprof_error *error = spprof_core_open(options->operands[0], &core, target);
    if (error == NULL)
        return STATUS_DONE;
    cli_complain_error(error);
    return STATUS_UNREADABLE;
}

/* Refuses what is meant for a core. */
static enum exit_status check_process(const struct verb *verb, const struct options *options)
{
    if (options->operand_count > 1)
        cli_complain_usage(verb, "'%s': an executable goes with a core file, and %s is a process", options->operands[1], options->operands[0]);
    else if (options->sysroot != NULL)
        cli_complain_usage(verb, "--sysroot goes with a core file, and %s is a process", options->operands[0]);
    else
        return STATUS_DONE;
    return STATUS_USAGE;
}

static enum exit_status check_count(const struct verb *verb, const struct options *options)
{
    if (options->operand_count == 0)
        cli_complain_usage(verb, "%s needs a process id or a core file", verb->name);
    else if (options->operand_count > 2)
        cli_complain_usage(verb, "one operand too many: '%s'", options->operands[2]);
    else
        return STATUS_DONE;
    return STATUS_USAGE;
}

enum exit_status cli_operand_open(const struct verb *verb, const struct options *options, struct spprof_target **target)
{
    if (check_count(verb, options) != STATUS_DONE)
        return STATUS_USAGE;
    const char *operand = options->operands[0];
    if (!options_number_is_digits(operand))
        return open_core(options, target);

    struct spprof_error *error = open_process(operand, target);
    if (error != NULL && error->kind == SPPROF_ERROR_NOT_FOUND && access(operand, F_OK) == 0) {
        spprof_error_free(error);
        return open_core(options, target);
    }
    if (error != NULL) {
        cli_complain_error(error);
        return STATUS_UNREADABLE;
    }
    (*target)->budget.memory_limit = options->memory;
    if (options->verbose)
        cli_message("%s is taken as a process id", operand);
    enum exit_status status = check_process(verb, options);
    if (status != STATUS_DONE)
        spprof_target_close(*target);
    return status;
}
