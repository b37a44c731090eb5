#include "profile/file_kind.h"

#include <ctype.h>
#include <string.h>

static bool begins_with(const char *text, size_t size, const char *beginning)
{
    size_t length = strlen(beginning);
    return size >= length && memcmp(text, beginning, length) == 0;
}

static bool contains(const struct spprof_text *path, const char *part)
{
    return memmem(path->bytes, path->size, part, strlen(part)) != NULL;
}

static size_t digits(const char *text, size_t size)
{
    size_t count = 0;
    while (count < size && isdigit((unsigned char)text[count]))
        count++;
    return count;
}

/* "3.14/", "3.14t/", "313.zip/" */
static bool names_version(const char *text, size_t size)
{
    if (begins_with(text, size, "3."))
        text += 2, size -= 2;
    size_t count = digits(text, size);
    if (count == 0)
        return false;
    text += count;
    size -= count;
    return begins_with(text, size, "/") || begins_with(text, size, "t/") || begins_with(text, size, ".zip/");
}

/* "/lib/python3.14/", "/lib64/python3.14t/", "/lib/python313.zip/" */
static bool is_in_library(const struct spprof_text *path)
{
    static const char marker[] = "/python";
    const char *at = path->bytes, *end = path->bytes + path->size;
    while ((at = memmem(at, (size_t)(end - at), marker, sizeof marker - 1)) != NULL) {
        size_t before = (size_t)(at - path->bytes);
        bool below_lib = (before >= 4 && memcmp(at - 4, "/lib", 4) == 0) || (before >= 6 && memcmp(at - 6, "/lib64", 6) == 0);
        at += sizeof marker - 1;
        if (below_lib && names_version(at, (size_t)(end - at)))
            return true;
    }
    return false;
}

enum file_kind profile_file_kind(const struct spprof_text *path)
{
    if (path->bytes == NULL)
        return FILE_OWN;
    if (contains(path, "/site-packages/") || contains(path, "/dist-packages/"))
        return FILE_PACKAGE;
    return begins_with(path->bytes, path->size, "<frozen ") || is_in_library(path) ? FILE_LIBRARY : FILE_OWN;
}
