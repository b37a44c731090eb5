#include "sample/stack/supply.h"

struct inquiry sample_inquire(const struct stack_reader *reader, const struct capture_context *context)
{
    return (struct inquiry){
        .reading = &reader->reading, .codes = context->codes, .sites = context->sites, .contexts = context->contexts, .layout = context->layout};
}

static void deny(struct inquiry *inquiry, uint64_t address)
{
    if (inquiry->denied_count < DENIED_MAX)
        inquiry->denied[inquiry->denied_count++] = address;
}

void sample_supply(struct inquiry *inquiry, struct stack_reader *reader, struct capture_context *context)
{
    struct lack lack = inquiry->lack;
    inquiry->lack = (struct lack){.what = LACKS_NOTHING};
    inquiry->supplied++;
    switch (lack.what) {
    case LACKS_BYTES:
        if (!sample_stack_reader_add(reader, lack.address, lack.size))
            deny(inquiry, lack.address);
        return;
    case LACKS_CODE:
        if (sample_context_code(context, lack.address) == NULL)
            deny(inquiry, lack.address);
        return;
    case LACKS_KIND: sample_call_sites_read_kind(context->sites, &context->mentions, lack.caller, lack.offset); return;
    case LACKS_LINE: sample_call_sites_read_line(context->sites, &context->mentions, lack.caller, lack.offset, lack.callee); return;
    case LACKS_NAME: sample_call_sites_read_names(context->sites, &context->mentions, lack.caller, lack.callee); return;
    case LACKS_NOTHING: return;
    }
}
