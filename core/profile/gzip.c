#include "profile/gzip.h"

#define ZLIB_CONST /* input is only read */
#include <stdlib.h>
#include <zlib.h>

enum { OUTPUT_SIZE = 65536, GZIP_WINDOW = 15 + 16 /* zlib's way to ask for a gzip header */ };

struct gzip {
    FILE *stream;
    z_stream deflate;
    unsigned char output[OUTPUT_SIZE];
};

struct gzip *profile_gzip_new(FILE *stream)
{
    struct gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip == NULL)
        return NULL;
    gzip->stream = stream;
    if (deflateInit2(&gzip->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    return gzip;
}

static void run(struct gzip *gzip, int flush)
{
    do {
        gzip->deflate.next_out = gzip->output;
        gzip->deflate.avail_out = OUTPUT_SIZE;
        deflate(&gzip->deflate, flush);
        fwrite(gzip->output, 1, OUTPUT_SIZE - gzip->deflate.avail_out, gzip->stream);
    } while (gzip->deflate.avail_out == 0);
}

void profile_gzip_write(struct gzip *gzip, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size > 0) {
        uInt part = size < OUTPUT_SIZE ? (uInt)size : OUTPUT_SIZE;
        gzip->deflate.next_in = at;
        gzip->deflate.avail_in = part;
        run(gzip, Z_NO_FLUSH);
        at += part;
        size -= part;
    }
}

void profile_gzip_finish(struct gzip *gzip)
{
    gzip->deflate.next_in = NULL;
    gzip->deflate.avail_in = 0;
    run(gzip, Z_FINISH);
}

void profile_gzip_free(struct gzip *gzip)
{
    if (gzip == NULL)
        return;
    deflateEnd(&gzip->deflate);
    free(gzip);
}
