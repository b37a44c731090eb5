#include "check.h"

#include <stdint.h>
#include <string.h>

enum { TEXT_MAX = 4 << 20 };

/* The length of the code point that begins here, surrogates allowed; 0: it is none. */
static size_t code_point(const uint8_t *bytes, size_t size)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] >> 5 == 6 ? 2 : bytes[0] >> 4 == 14 ? 3 : bytes[0] >> 3 == 30 ? 4 : 0;
    uint32_t value = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
    if (length == 0 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if (bytes[i] >> 6 != 2)
            return 0;
        value = value << 6 | (bytes[i] & 63u);
    }
    return value >= lowest[length] && value <= 0x10ffff ? length : 0;
}

void check_text(const struct spprof_text *text)
{
    if (text->bytes == NULL)
        return;
    REQUIRE(text->size <= TEXT_MAX && text->bytes[text->size] == '\0');
    for (size_t i = 0, length; i < text->size; i += length) {
        length = code_point((const uint8_t *)text->bytes + i, text->size - i);
        REQUIRE(length > 0);
    }
}

/* What reaches a terminal or a file: whole UTF-8 without surrogates, and no control character but the end of a line. */
static void check_printed(const char *bytes, size_t size)
{
    for (size_t i = 0, length; i < size; i += length) {
        const uint8_t *at = (const uint8_t *)bytes + i;
        length = code_point(at, size - i);
        REQUIRE(length > 0 && (at[0] >= 0x20 || at[0] == '\n') && at[0] != 0x7f);
        REQUIRE(!(length == 2 && at[0] == 0xc2 && at[1] < 0xa0) && !(at[0] == 0xed && at[1] >= 0xa0));
    }
}

void open_print(struct printed *printed)
{
    printed->stream = open_memstream(&printed->bytes, &printed->size);
    REQUIRE(printed->stream != NULL);
}

void close_print(struct printed *printed, bool text)
{
    REQUIRE(!ferror(printed->stream));
    fclose(printed->stream);
    if (text)
        check_printed(printed->bytes, printed->size);
    free(printed->bytes);
}

void check_message(const char *message)
{
    check_printed(message, strlen(message));
}
