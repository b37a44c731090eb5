#include "sample/stack/inquiry.h"

#include "sample/rules.h"

enum { FRAME_BYTES_MAX = 1 << 16 };

static bool lacks(struct inquiry *inquiry, struct lack lack)
{
    if (inquiry->lack.what == LACKS_NOTHING && inquiry->supplied < SUPPLIED_MAX)
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

struct bytes sample_ask_piece(struct inquiry *inquiry, uint64_t address, uint64_t size)
{
    struct bytes bytes;
    if (sample_reading_piece(inquiry->reading, address, size, &bytes) == READ_CACHE_PENDING && !is_denied(inquiry, address))
        lacks(inquiry, (struct lack){.what = LACKS_BYTES, .address = address, .size = size});
    return bytes;
}

struct bytes sample_ask_frame(struct inquiry *inquiry, const struct sampled_frame *frame)
{
    uint64_t size = frame->code->frame_bytes;
    if (size < frames_stack_frame_size(inquiry->layout) || size > FRAME_BYTES_MAX)
        return bytes_none();
    struct bytes bytes = sample_reading_in_chunk(inquiry->reading, frame->address, size);
    return bytes.at == NULL && frame->generator ? sample_ask_piece(inquiry, frame->address, size) : bytes;
}

struct bytes sample_ask_header(struct inquiry *inquiry, const struct sampled_frame *frame)
{
    uint64_t size = frames_stack_frame_size(inquiry->layout), before = frame->address - frame->chunk;
    struct bytes bytes = sample_reading_in_chunk(inquiry->reading, frame->address, size);
    if (bytes.at != NULL)
        return bytes;
    if (frame->chunk == 0)
        return sample_ask_piece(inquiry, frame->address, size);
    return bytes_from(sample_ask_piece(inquiry, frame->chunk, before + size), before);
}

struct code_entry *sample_ask_code(struct inquiry *inquiry, uint64_t address)
{
    if (address == 0 || address % 8 != 0)
        return NULL;
    struct code_entry *code = frames_code_table_find(inquiry->codes, address);
    if (code == NULL && !is_denied(inquiry, address))
        lacks(inquiry, (struct lack){.what = LACKS_CODE, .address = address});
    return code != NULL && code->status == READ_CACHE_READY ? code : NULL;
}

enum instruction_kind sample_ask_kind(struct inquiry *inquiry, const struct code_entry *code, int64_t offset)
{
    enum instruction_kind kind = INSTRUCTION_OTHER;
    if (!sample_call_sites_find_kind(inquiry->sites, code, offset, &kind))
        lacks(inquiry, (struct lack){.what = LACKS_KIND, .caller = code, .offset = offset});
    return kind;
}

bool sample_ask_call(struct inquiry *inquiry, const struct code_entry *caller, int64_t offset, const struct code_entry *callee)
{
    if (!RULE(MENTIONS))
        return true;
    enum call_site known = sample_call_sites_find(inquiry->sites, caller, offset, callee);
    if (known == CALL_SITE_UNKNOWN)
        return lacks(inquiry, (struct lack){.what = LACKS_LINE, .caller = caller, .offset = offset, .callee = callee});
    return known == CALL_SITE_CALLS;
}

bool sample_ask_name(struct inquiry *inquiry, const struct code_entry *caller, const struct code_entry *callee)
{
    enum call_site known = sample_call_sites_find_name(inquiry->sites, caller, callee);
    if (known == CALL_SITE_UNKNOWN)
        return lacks(inquiry, (struct lack){.what = LACKS_NAME, .caller = caller, .callee = callee});
    return known == CALL_SITE_CALLS;
}
