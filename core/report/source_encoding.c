#include "report/source_encoding.h"

#include <ctype.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

enum { GROWTH_MAX = 4 }; /* bytes of UTF-8 for one byte of any encoding here, at most; most take one to three */

static bool is_name_byte(char byte)
{
    return isalnum((unsigned char)byte) || byte == '-' || byte == '_' || byte == '.';
}

/* "coding", then ':' or '=', blanks, and the name, somewhere in a comment. */
static bool find_name(const char *line, size_t size, const char **name, size_t *name_size)
{
    static const char word[] = "coding";
    const char *end = line + size;
    for (const char *at = line; (at = memmem(at, (size_t)(end - at), word, sizeof word - 1)) != NULL; at++) {
        const char *start = at + sizeof word - 1;
        if (start == end || (*start != ':' && *start != '='))
            continue;
        start++;
        while (start < end && (*start == ' ' || *start == '\t'))
            start++;
        size_t length = 0;
        while (start + length < end && is_name_byte(start[length]))
            length++;
        *name = start;
        *name_size = length;
        return length > 0;
    }
    return false;
}

enum line_kind { LINE_BLANK, LINE_COMMENT, LINE_CODE };

static enum line_kind kind_of(const char *line, size_t size)
{
    size_t blanks = 0;
    while (blanks < size && (line[blanks] == ' ' || line[blanks] == '\t' || line[blanks] == '\f'))
        blanks++;
    return blanks == size ? LINE_BLANK : line[blanks] == '#' ? LINE_COMMENT : LINE_CODE;
}

static size_t line_size(const char *bytes, size_t size)
{
    size_t length = 0;
    while (length < size && bytes[length] != '\n' && bytes[length] != '\r')
        length++;
    return length;
}

/* Lower case, without what Python's codecs do not look at: "Latin-1", "latin_1" and "LATIN1" are one (Lib/encodings/__init__.py). */
static bool normalise(const char *name, size_t size, char normal[ENCODING_NAME_MAX])
{
    size_t length = 0;
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)name[i]))
            continue;
        if (length == ENCODING_NAME_MAX - 1)
            return false;
        normal[length++] = (char)tolower((unsigned char)name[i]);
    }
    normal[length] = '\0';
    return length > 0;
}

/* What iconv calls other than Python does (Lib/encodings/aliases.py). A name of the target's goes to iconv only where it is one of these. */
static const struct {
    const char *python, *iconv;
} encodings[] = {
    {"latin1", "ISO-8859-1"},
    {"l1", "ISO-8859-1"},
    {"latin", "ISO-8859-1"},
    {"8859", "ISO-8859-1"},
    {"latin2", "ISO-8859-2"},
    {"l2", "ISO-8859-2"},
    {"latin3", "ISO-8859-3"},
    {"latin4", "ISO-8859-4"},
    {"latin5", "ISO-8859-9"},
    {"latin6", "ISO-8859-10"},
    {"latin7", "ISO-8859-13"},
    {"latin8", "ISO-8859-14"},
    {"latin9", "ISO-8859-15"},
    {"latin10", "ISO-8859-16"},
    {"cyrillic", "ISO-8859-5"},
    {"arabic", "ISO-8859-6"},
    {"greek", "ISO-8859-7"},
    {"greek8", "ISO-8859-7"},
    {"hebrew", "ISO-8859-8"},
    {"gbk", "GBK"},
    {"936", "GBK"},
    {"cp936", "GBK"},
    {"ms936", "GBK"},
    {"gb2312", "GB2312"},
    {"euccn", "GB2312"},
    {"gb18030", "GB18030"},
    {"gb180302000", "GB18030"},
    {"big5", "BIG5"},
    {"big5tw", "BIG5"},
    {"big5hkscs", "BIG5-HKSCS"},
    {"cp950", "BIG5"},
    {"eucjp", "EUC-JP"},
    {"ujis", "EUC-JP"},
    {"ujis", "EUC-JP"},
    {"eucjis2004", "EUC-JISX0213"},
    {"eucjisx0213", "EUC-JISX0213"},
    {"shiftjis", "SHIFT_JIS"},
    {"sjis", "SHIFT_JIS"},
    {"shiftjisx0213", "SHIFT_JISX0213"},
    {"shiftjis2004", "SHIFT_JISX0213"},
    {"cp932", "CP932"},
    {"ms932", "CP932"},
    {"mskanji", "CP932"},
    {"windows31j", "CP932"},
    {"iso2022jp", "ISO-2022-JP"},
    {"iso2022jp2", "ISO-2022-JP-2"},
    {"iso2022kr", "ISO-2022-KR"},
    {"euckr", "EUC-KR"},
    {"korean", "EUC-KR"},
    {"ksc5601", "EUC-KR"},
    {"cp949", "UHC"},
    {"uhc", "UHC"},
    {"johab", "JOHAB"},
    {"koi8r", "KOI8-R"},
    {"koi8u", "KOI8-U"},
    {"koi8t", "KOI8-T"},
    {"macroman", "MACINTOSH"},
    {"macintosh", "MACINTOSH"},
    {"maccyrillic", "MAC-CYRILLIC"},
    {"tis620", "TIS-620"},
    {"thai", "ISO-8859-11"},
    {"ptcp154", "PT154"},
    {"kz1048", "RK1048"},
    {"hproman8", "HP-ROMAN8"},
};

/* "cp1252", "windows-1252" and "1252" are CP1252; "iso8859-15" and "iso-8859-15" ISO-8859-15. */
static bool numbered(const char *normal, char name[ENCODING_NAME_MAX])
{
    static const struct {
        const char *prefix, *iconv;
    } families[] = {{"iso8859", "ISO-8859-"}, {"windows", "CP"}, {"ibm", "CP"}, {"cp", "CP"}};
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t size = strlen(families[i].prefix);
        const char *number = normal + size;
        if (strncmp(normal, families[i].prefix, size) == 0 && *number != '\0' && strspn(number, "0123456789") == strlen(number) &&
            strlen(number) <= 4) {
            snprintf(name, ENCODING_NAME_MAX, "%s%s", families[i].iconv, number);
            return true;
        }
    }
    return false;
}

static bool name_for_iconv(const char *normal, char name[ENCODING_NAME_MAX])
{
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        if (strcmp(normal, encodings[i].python) == 0) {
            snprintf(name, ENCODING_NAME_MAX, "%s", encodings[i].iconv);
            return true;
        }
    }
    return numbered(normal, name);
}

bool report_source_encoding(const char *bytes, size_t size, char name[ENCODING_NAME_MAX])
{
    char normal[ENCODING_NAME_MAX];
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) /* then it is UTF-8 */
        return false;
    for (size_t number = 0, start = 0; number < 2 && start < size; number++) {
        size_t length = line_size(bytes + start, size - start), name_size;
        const char *found;
        enum line_kind kind = kind_of(bytes + start, length);
        if (kind == LINE_COMMENT && find_name(bytes + start, length, &found, &name_size))
            return normalise(found, name_size, normal) && name_for_iconv(normal, name);
        if (kind == LINE_CODE)
            return false;
        bool is_pair = size - start - length >= 2 && bytes[start + length] == '\r' && bytes[start + length + 1] == '\n';
        start += length + 1 + is_pair;
    }
    return false;
}

/* All of bytes into text; false where they are none of that encoding, or text is too small. */
static bool convert(iconv_t converter, char *bytes, size_t size, char *text, size_t *text_size)
{
    char *input = bytes, *output = text;
    size_t input_left = size, output_left = *text_size;
    bool done = iconv(converter, &input, &input_left, &output, &output_left) != (size_t)-1 &&
                iconv(converter, NULL, NULL, &output, &output_left) != (size_t)-1;
    *text_size -= output_left;
    return done;
}

char *report_source_to_utf_8(char *bytes, size_t *size, size_t *bytes_left)
{
    char name[ENCODING_NAME_MAX];
    size_t room = *size * GROWTH_MAX + 1;
    if (!report_source_encoding(bytes, *size, name) || room > *bytes_left)
        return bytes;
    iconv_t converter = iconv_open("UTF-8", name);
    if (converter == (iconv_t)-1)
        return bytes;
    char *text = malloc(room);
    bool done = text != NULL && convert(converter, bytes, *size, text, &room);
    iconv_close(converter);
    if (!done) {
        free(text);
        return bytes;
    }
    ARRAY_RESIZE(text, room + 1); /* as much as it needs; where that is refused, it stays as it is */
    *bytes_left -= room;
    *size = room;
    free(bytes);
    return text;
}
