#include "output/json_writer.h"

#include <inttypes.h>
#include <string.h>

static void next_line(struct json_writer *json)
{
    putc('\n', json->stream);
    for (unsigned i = 0; i < json->depth; i++)
        putc(' ', json->stream);
}

/* What stands before an item: nothing where it is the value of a key. */
static void before_item(struct json_writer *json)
{
    if (json->after_key) {
        json->after_key = false;
        return;
    }
    bool first = json->first;
    json->first = false;
    if (json->inline_depth > 0) {
        if (!first)
            fputs(", ", json->stream);
        return;
    }
    if (!first)
        putc(',', json->stream);
    if (json->depth > 0)
        next_line(json);
}

void output_json_begin(struct json_writer *json, char bracket)
{
    before_item(json);
    putc(bracket, json->stream);
    json->depth++;
    json->inline_depth += json->inline_depth > 0;
    json->first = true;
}

void output_json_begin_inline(struct json_writer *json, char bracket)
{
    output_json_begin(json, bracket);
    if (json->inline_depth == 0)
        json->inline_depth = 1;
}

void output_json_end(struct json_writer *json, char bracket)
{
    bool was_inline = json->inline_depth > 0;
    json->depth--;
    json->inline_depth -= was_inline;
    if (!was_inline && !json->first)
        next_line(json);
    putc(bracket, json->stream);
    json->first = false;
    if (json->depth == 0)
        putc('\n', json->stream);
}

void output_json_key(struct json_writer *json, const char *name)
{
    before_item(json);
    putc('"', json->stream);
    fputs(name, json->stream);
    fputs("\": ", json->stream);
    json->after_key = true;
}

void output_json_null(struct json_writer *json)
{
    before_item(json);
    fputs("null", json->stream);
}

void output_json_bool(struct json_writer *json, bool value)
{
    before_item(json);
    fputs(value ? "true" : "false", json->stream);
}

void output_json_integer(struct json_writer *json, int64_t value)
{
    before_item(json);
    fprintf(json->stream, "%" PRId64, value);
}

void output_json_unsigned(struct json_writer *json, uint64_t value)
{
    before_item(json);
    fprintf(json->stream, "%" PRIu64, value);
}

void output_json_address(struct json_writer *json, uint64_t address)
{
    before_item(json);
    fprintf(json->stream, "\"0x%" PRIx64 "\"", address);
}

void output_json_thousandths(struct json_writer *json, uint64_t value)
{
    before_item(json);
    fprintf(json->stream, "%" PRIu64 ".%03u", value / 1000, (unsigned)(value % 1000));
}

void output_json_string(struct json_writer *json, const char *text)
{
    output_json_text(json, text, text == NULL ? 0 : strlen(text), TEXT_GENERALISED);
}

/* Bytes at the start that stand in a JSON string as they are. */
static size_t plain_run(const struct json_writer *json, const char *bytes, size_t size)
{
    char forbidden = json->in_script ? '<' : '"';
    size_t run = 0;
    while (run < size && bytes[run] >= ' ' && bytes[run] <= '~' && bytes[run] != '"' && bytes[run] != '\\' && bytes[run] != forbidden)
        run++;
    return run;
}

static void write_unit(struct json_writer *json, const char *bytes, struct text_unit unit)
{
    if (unit.is_byte)
        fprintf(json->stream, "\\udc%02" PRIx32, unit.value);
    else if (unit.value == '"' || unit.value == '\\')
        fprintf(json->stream, "\\%c", (int)unit.value);
    else if (output_text_unit_is_plain(unit) && unit.value != '<')
        fwrite(bytes, 1, unit.size, json->stream);
    else
        fprintf(json->stream, "\\u%04" PRIx32, unit.value);
}

void output_json_text(struct json_writer *json, const char *bytes, size_t size, enum text_encoding encoding)
{
    if (bytes == NULL) {
        output_json_null(json);
        return;
    }
    before_item(json);
    putc('"', json->stream);
    for (size_t done = 0; done < size;) {
        size_t run = plain_run(json, bytes + done, size - done);
        fwrite(bytes + done, 1, run, json->stream);
        done += run;
        if (done == size)
            break;
        struct text_unit unit = output_text_unit_next(bytes + done, size - done, encoding);
        write_unit(json, bytes + done, unit);
        done += unit.size;
    }
    putc('"', json->stream);
}

void output_json_text_key(struct json_writer *json, const char *bytes, size_t size, enum text_encoding encoding)
{
    output_json_text(json, bytes, size, encoding);
    fputs(": ", json->stream);
    json->after_key = true;
}
