/* Decimal numbers of the command line. */
#ifndef SPPROF_OPTIONS_NUMBER_H
#define SPPROF_OPTIONS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Whether text is digits and nothing else, at least one. */
bool options_number_is_digits(const char *text);

/* The number that text is; false where it is none, or larger than an int64_t. */
bool options_number_parse(const char *text, int64_t *number);

#endif
