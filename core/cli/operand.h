/* The target that the operands of a command name: PID, or CORE [EXE]. */
#ifndef SPPROF_CLI_OPERAND_H
#define SPPROF_CLI_OPERAND_H

#include "options/options.h"
#include "spprof/target.h"
#include "verb.h"

/* Opens it; the caller closes it. Whatever is wrong has been said when this does not return STATUS_DONE. */
enum exit_status cli_operand_open(const struct verb *verb, const struct options *options, struct spprof_target **target);

#endif
