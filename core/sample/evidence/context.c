#include "sample/evidence/context.h"

void context_load_codes(struct capture_context *context, size_t known)
{
    struct code_table *codes = context->codes;
    if (code_table_count(codes) == known)
        return;
    do {
        code_table_step(codes, &context->reader);
    } while (read_cache_fetch(context->reader.cache));
    code_table_decode(codes, &context->reader);
    read_cache_clear(context->reader.cache);
    for (size_t i = known; i < code_table_count(codes); i++) /* a real one may stand there a moment later */
        if (code_table_at(codes, i)->status != READ_CACHE_READY)
            code_table_retire(codes, code_table_at(codes, i));
}

struct code_entry *context_code(struct capture_context *context, uint64_t address)
{
    size_t known = code_table_count(context->codes);
    struct code_entry *code = code_table_get(context->codes, address);
    context_load_codes(context, known);
    return code != NULL && code->status == READ_CACHE_READY && !code->retired ? code : NULL;
}
