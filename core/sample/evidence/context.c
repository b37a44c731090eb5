#include "sample/evidence/context.h"

void sample_context_load_codes(struct capture_context *context, size_t known)
{
    struct code_table *codes = context->codes;
    if (frames_code_table_count(codes) == known)
        return;
    do {
        frames_code_table_step(codes, &context->reader);
    } while (target_read_cache_fetch(context->reader.cache));
    frames_code_table_decode(codes, &context->reader);
    target_read_cache_clear(context->reader.cache);
    for (size_t i = known; i < frames_code_table_count(codes); i++) /* a real one may stand there a moment later */
        if (frames_code_table_at(codes, i)->status != READ_CACHE_READY)
            frames_code_table_retire(codes, frames_code_table_at(codes, i));
}

struct code_entry *sample_context_code(struct capture_context *context, uint64_t address)
{
    size_t known = frames_code_table_count(context->codes);
    struct code_entry *code = frames_code_table_get(context->codes, address);
    sample_context_load_codes(context, known);
    return code != NULL && code->status == READ_CACHE_READY && !code->retired ? code : NULL;
}
