/*
 * Names of the target in profile formats. Readers of these formats differ in what they stand, so all get plain UTF-8: what a terminal
 * would not show as it is, lone surrogates above all, is written as an escape (\x1b, \udc80).
 */
#ifndef SPPROF_PROFILE_TEXT_H
#define SPPROF_PROFILE_TEXT_H

#include "spprof/profile.h"

/* All return memory that the caller frees; NULL: no memory. What is not known is "???". */
char *profile_text(const struct spprof_text *text);
char *profile_text_of_bytes(const char *bytes);                           /* of the kernel; NULL gives "" */
char *profile_text_of_place(const struct spprof_place *place);            /* "function (file:line)" */
char *profile_text_of_thread(const struct spprof_profile_thread *thread); /* Thread 12345 "worker-3" */

/* "python3 app.py", or "process 12345" */
char *profile_text_of_target(const struct spprof_profile *profile);

/* "Python 3.14.2 free-threaded"; "" where it is not known */
char *profile_text_of_python(const struct spprof_profile *profile);

/* Stands for the stack of a thread that has no Python frames. */
#define PROFILE_NO_FRAME "<no Python frame>"

#endif
