#include "profile/table_text.h"

#include <stdint.h>
#include <string.h>

#include "output/escape.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* Columns that a terminal gives a code point; the blocks of Unicode's East Asian Width and of combining marks, roughly. */
static size_t columns_of(uint32_t point)
{
    static const struct {
        uint32_t first, last;
        size_t columns;
    } blocks[] = {
        {0x300, 0x36f, 0},     {0x200b, 0x200d, 0},   {0xfe00, 0xfe0f, 0},   {0x1100, 0x115f, 2}, {0x2e80, 0xa4cf, 2},
        {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},   {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2},
        {0x1f300, 0x1f64f, 2}, {0x1f680, 0x1faff, 2}, {0x20000, 0x3fffd, 2},
    };
    for (size_t i = 0; point >= blocks[0].first && i < sizeof blocks / sizeof blocks[0]; i++)
        if (point >= blocks[i].first && point <= blocks[i].last)
            return blocks[i].columns;
    return 1;
}

/* Bytes at the start that fit into limit columns; *width: the columns that they take. */
static size_t fit(const char *text, size_t size, size_t limit, size_t *width)
{
    size_t at = 0;
    *width = 0;
    while (at < size) {
        struct text_unit unit = output_text_unit_next(text + at, size - at, TEXT_GENERALISED);
        size_t columns = columns_of(unit.value);
        if (columns > limit - *width)
            break;
        *width += columns;
        at += unit.size;
    }
    return at;
}

size_t profile_table_text_width(const char *text, size_t size)
{
    size_t width;
    fit(text, size, SIZE_MAX, &width);
    return width;
}

size_t profile_table_text_write_end(FILE *stream, const char *text, size_t size, size_t limit)
{
    size_t width = profile_table_text_width(text, size);
    if (width <= limit) {
        fwrite(text, 1, size, stream);
        return width;
    }
    if (limit == 0)
        return 0;
    fwrite(text, 1, fit(text, size, limit - 1, &width), stream);
    fputs(ELLIPSIS, stream);
    return width + 1;
}

/* Where the last parts of the path begin that fit into limit columns; at least the file's name. */
static size_t tail_of(const char *path, size_t size, size_t limit)
{
    size_t tail = size;
    for (size_t at = size; at-- > 0;) {
        if (path[at] != '/')
            continue;
        if (tail != size && profile_table_text_width(path + at, size - at) > limit)
            break;
        tail = at;
    }
    return tail == size ? 0 : tail;
}

/* Bytes of "/srv/", where that leaves at least half of the columns; else 0. */
static size_t head_of(const char *path, size_t size, size_t limit)
{
    const char *end = size > 0 ? memchr(path + 1, '/', size - 1) : NULL;
    size_t head = end != NULL ? (size_t)(end + 1 - path) : 0;
    return profile_table_text_width(path, head) + 1 <= limit / 2 ? head : 0;
}

size_t profile_table_text_write_path(FILE *stream, const char *path, size_t size, size_t limit)
{
    size_t width = profile_table_text_width(path, size);
    if (width <= limit) {
        fwrite(path, 1, size, stream);
        return width;
    }
    size_t room = limit > 0 ? limit - 1 : 0; /* beside the ellipsis */
    size_t head = head_of(path, size, limit), head_width = profile_table_text_width(path, head);
    size_t tail = tail_of(path, size, room - head_width);
    if (tail < head || head_width + profile_table_text_width(path + tail, size - tail) > room) {
        head = head_width = 0;
        tail = tail_of(path, size, room);
    }
    fwrite(path, 1, head, stream);
    if (tail > 0)
        fputs(ELLIPSIS, stream);
    fwrite(path + tail, 1, size - tail, stream);
    return head_width + (tail > 0) + profile_table_text_width(path + tail, size - tail);
}
