/* The names that a frame sees beside its own variables: those of its module, and the built-in ones. */
#ifndef SPPROF_SNAPSHOT_GLOBAL_H
#define SPPROF_SNAPSHOT_GLOBAL_H

#include "spprof/session.h"

enum name_scope { NAME_UNKNOWN, NAME_GLOBAL, NAME_BUILTIN };

/*
 * Looks a name (UTF-8) up from the frame at an address, which a snapshot of this session has told, as the runtime of its Python. value is owned by the caller, and
 * empty where scope is NAME_UNKNOWN. Errors: UNREADABLE, NO_MEMORY.
 */
struct spprof_error *snapshot_global_find(struct spprof_session *session, uint64_t runtime, uint64_t frame, const char *name,
                                          const struct spprof_value_limits *limits, enum name_scope *scope, struct spprof_text *value);

#endif
