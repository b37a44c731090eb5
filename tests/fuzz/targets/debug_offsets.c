/* What an interpreter says of its layout. */
#include "layout/debug_offsets.h"

#include <string.h>

#include "targets/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    uint64_t words[DEBUG_OFFSETS_MAX_WORDS] = {0};
    size_t count = size / sizeof *words < DEBUG_OFFSETS_MAX_WORDS ? size / sizeof *words : DEBUG_OFFSETS_MAX_WORDS;
    struct debug_offsets offsets;
    memcpy(words, input, count * sizeof *words);
    if (!layout_debug_offsets_decode(words, count, &offsets))
        return 0;
    REQUIRE(offsets.variant != NULL);
    for (size_t i = 0; i < LAYOUT_FIELD_COUNT; i++)
        REQUIRE(offsets.offset[i] >= LAYOUT_ABSENT && offsets.offset[i] < 1 << 20);
    return 0;
}
