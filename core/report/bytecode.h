/* What a .pyc tells of the source file that it was made from. Its bytes are hostile: only compared, never decoded. */
#ifndef SPPROF_REPORT_BYTECODE_H
#define SPPROF_REPORT_BYTECODE_H

#include <stddef.h>
#include <stdint.h>

#include "spprof/snapshot.h"

enum bytecode_answer {
    BYTECODE_SILENT,      /* checked by hash or not at all, or code cannot be recognised in it */
    BYTECODE_PROVES,      /* made from just this source, and code is in it */
    BYTECODE_CONTRADICTS, /* made from another state of the source, or code is not in it */
};

/* pyc: the whole file; modified_at, source_size: of the source as it lies there now, seconds and bytes. */
enum bytecode_answer report_bytecode_ask(const char *pyc, size_t size, int64_t modified_at, uint64_t source_size, const struct spprof_code *code);

#endif
