#include "report/table_text.h"

#include <stdbool.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

static bool begins_column(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t table_text_width(const char *text, size_t size)
{
    size_t width = 0;
    for (size_t i = 0; i < size; i++)
        width += begins_column(text[i]);
    return width;
}

/* Bytes of the first columns. */
static size_t bytes_of(const char *text, size_t size, size_t columns)
{
    size_t at = 0;
    for (; at < size; at++)
        if (begins_column(text[at]) && columns-- == 0)
            break;
    return at;
}

size_t table_text_write_end(FILE *stream, const char *text, size_t size, size_t limit)
{
    size_t width = table_text_width(text, size);
    if (width <= limit) {
        fwrite(text, 1, size, stream);
        return width;
    }
    if (limit == 0)
        return 0;
    fwrite(text, 1, bytes_of(text, size, limit - 1), stream);
    fputs(ELLIPSIS, stream);
    return limit;
}

/* Where the last parts of the path begin that fit into limit columns; at least the file's name. */
static size_t tail_of(const char *path, size_t size, size_t limit)
{
    size_t tail = size;
    for (size_t at = size; at-- > 0;) {
        if (path[at] != '/')
            continue;
        if (tail != size && table_text_width(path + at, size - at) > limit)
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
    return table_text_width(path, head) + 1 <= limit / 2 ? head : 0;
}

size_t table_text_write_path(FILE *stream, const char *path, size_t size, size_t limit)
{
    size_t width = table_text_width(path, size);
    if (width <= limit) {
        fwrite(path, 1, size, stream);
        return width;
    }
    size_t room = limit > 0 ? limit - 1 : 0; /* beside the ellipsis */
    size_t head = head_of(path, size, limit), head_width = table_text_width(path, head);
    size_t tail = tail_of(path, size, room - head_width);
    if (tail < head || head_width + table_text_width(path + tail, size - tail) > room) {
        head = head_width = 0;
        tail = tail_of(path, size, room);
    }
    fwrite(path, 1, head, stream);
    if (tail > 0)
        fputs(ELLIPSIS, stream);
    fwrite(path + tail, 1, size - tail, stream);
    return head_width + (tail > 0) + table_text_width(path + tail, size - tail);
}
