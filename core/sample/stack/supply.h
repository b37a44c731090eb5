/* Answers to the questions that were asked in vain when a stack was put together. */
#ifndef SPPROF_SAMPLE_STACK_SUPPLY_H
#define SPPROF_SAMPLE_STACK_SUPPLY_H

#include "sample/evidence/context.h"
#include "sample/stack/inquiry.h"

/* Reads what inquiry->lack says, of the reading or of the program, so that it is lacking no longer: it is there, or denied. */
void sample_supply(struct inquiry *inquiry, struct stack_reader *reader, struct capture_context *context);

/* An inquiry into the newest reading. */
struct inquiry sample_inquire(const struct stack_reader *reader, const struct capture_context *context);

#endif
