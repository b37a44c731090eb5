#include "options/number.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

bool options_number_is_digits(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

bool options_number_parse(const char *text, int64_t *number)
{
    errno = 0;
    *number = strtoimax(text, NULL, 10);
    return options_number_is_digits(text) && errno == 0;
}
