#include "sample/stack/inquiry.h"

#include "sample/rules.h"

enum { FRAME_BYTES_MAX = 1 << 16 };

static bool lacks(struct inquiry *inquiry, struct lack lack)
{
    if (inquiry->lack.what == LACKS_NOTHING)
        inquiry->lack = lack;
    return false;
}

static bool is_denied(const struct inquiry *inquiry, uint64_t address)
{
    for (size_t i = 0; i < inquiry->denied_count; i++)
        if (inquiry->denied[i] == address)
            return true;
    return inquiry->denied_count == DENIED_MAX;
}

struct bytes ask_piece(struct inquiry *inquiry, uint64_t address, uint64_t size)
{
    struct bytes bytes;
    if (reading_piece(inquiry->reading, address, size, &bytes) == READ_CACHE_PENDING && !is_denied(inquiry, address))
        lacks(inquiry, (struct lack){.what = LACKS_BYTES, .address = address, .size = size});
    return bytes;
}

struct bytes ask_frame(struct inquiry *inquiry, const struct sampled_frame *frame)
{
    uint64_t size = frame->code->frame_bytes;
    if (size < stack_frame_size(inquiry->layout) || size > FRAME_BYTES_MAX)
        return bytes_none();
    struct bytes bytes = reading_in_chunk(inquiry->reading, frame->address, size);
    return bytes.at == NULL && frame->generator ? ask_piece(inquiry, frame->address, size) : bytes;
}

struct bytes ask_header(struct inquiry *inquiry, const struct sampled_frame *frame)
{
    uint64_t size = stack_frame_size(inquiry->layout), before = frame->address - frame->chunk;
    struct bytes bytes = reading_in_chunk(inquiry->reading, frame->address, size);
    if (bytes.at != NULL)
        return bytes;
    if (frame->chunk == 0)
        return ask_piece(inquiry, frame->address, size);
    return bytes_from(ask_piece(inquiry, frame->chunk, before + size), before);
}

struct code_entry *ask_code(struct inquiry *inquiry, uint64_t address)
{
    if (address == 0 || address % 8 != 0)
        return NULL;
    struct code_entry *code = code_table_find(inquiry->codes, address);
    if (code == NULL && !is_denied(inquiry, address))
        lacks(inquiry, (struct lack){.what = LACKS_CODE, .address = address});
    return code != NULL && code->status == READ_CACHE_READY ? code : NULL;
}

enum instruction_kind ask_kind(struct inquiry *inquiry, const struct code_entry *code, int64_t offset)
{
    enum instruction_kind kind = INSTRUCTION_OTHER;
    if (!call_sites_find_kind(inquiry->sites, code, offset, &kind))
        lacks(inquiry, (struct lack){.what = LACKS_KIND, .caller = code, .offset = offset});
    return kind;
}

bool ask_call(struct inquiry *inquiry, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    if (!RULE(MENTIONS))
        return true;
    enum call_site known = call_sites_find(inquiry->sites, caller, offset, callee);
    if (known == CALL_SITE_UNKNOWN)
        return lacks(inquiry, (struct lack){.what = LACKS_LINE, .caller = caller, .offset = offset, .callee = callee});
    return known == CALL_SITE_CALLS;
}

bool ask_name(struct inquiry *inquiry, const struct code_entry *caller, const struct code_entry *callee)
{
    enum call_site known = call_sites_find_name(inquiry->sites, caller, callee);
    if (known == CALL_SITE_UNKNOWN)
        return lacks(inquiry, (struct lack){.what = LACKS_NAME, .caller = caller, .callee = callee});
    return known == CALL_SITE_CALLS;
}
