#include "frames/thread_tail.h"

/* How far behind the beginning of an interpreter it is looked for: 3.15 has it 0.4 MiB behind. */
enum { PAGE = 4096, PAGES = 256 };

static enum read_cache_status look_at(struct reader *reader, uint64_t address, uint64_t main_thread, uint64_t *tail)
{
    const struct layout *layout = reader->layout;
    struct bytes data;
    enum read_cache_status status = object_reader_struct(reader, address, (size_t)LAYOUT(layout, thread_state, thread_id) + 8, "thread state", &data);
    if (status == READ_CACHE_READY && object_reader_long(reader, data, LAYOUT(layout, thread_state, thread_id)) == main_thread)
        *tail = address;
    return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
}

static enum read_cache_status look_through(struct reader *reader, uint64_t page, uint64_t interpreter, uint64_t main_thread, uint64_t *tail)
{
    struct bytes data;
    enum read_cache_status status = object_reader_bytes(reader, page, PAGE, "interpreter", &data);
    for (int32_t at = 0; status == READ_CACHE_READY && *tail == 0 && at < PAGE; at += 8) {
        uint64_t address = page + (uint64_t)at - (uint64_t)LAYOUT(reader->layout, thread_state, interp);
        if (field_u64(data, at) == interpreter && address > interpreter)
            status = look_at(reader, address, main_thread, tail);
    }
    return status == READ_CACHE_PENDING ? status : READ_CACHE_READY;
}

/* Every page is asked for before one is waited for. */
enum read_cache_status frames_thread_tail_find(struct reader *reader, uint64_t interpreter, uint64_t main_thread, uint64_t *tail)
{
    enum read_cache_status all = READ_CACHE_READY;
    *tail = 0;
    if (interpreter == 0 || interpreter % 8 != 0 || main_thread == 0)
        return READ_CACHE_READY;
    for (uint64_t i = 0; i < PAGES && *tail == 0; i++)
        if (look_through(reader, (interpreter & ~(uint64_t)(PAGE - 1)) + i * PAGE, interpreter, main_thread, tail) == READ_CACHE_PENDING)
            all = READ_CACHE_PENDING;
    return *tail != 0 ? READ_CACHE_READY : all;
}
