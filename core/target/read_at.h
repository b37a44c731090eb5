/* Bytes of a file, by pread: never mapped, since a file that becomes shorter, or a disk that fails, would then be a SIGBUS. */
#ifndef SPPROF_TARGET_READ_AT_H
#define SPPROF_TARGET_READ_AT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads size bytes at an offset, all or nothing. false: errno says why, and is 0 where the file ends before. */
bool target_read_at(int fd, uint64_t offset, void *buffer, size_t size);

/* The reason in words, of the errno of a read that failed: "it ends too early", "Input/output error". */
const char *target_read_at_reason(int number);

#endif
