/* The code objects that frames name, each read once: Include/cpython/code.h, 3.9 to 3.15. */
#ifndef SPPROF_FRAMES_CODE_TABLE_H
#define SPPROF_FRAMES_CODE_TABLE_H

#include "object/reader.h"
#include "spprof/snapshot.h"
#include "frames/position.h"

/* Bytes of an instruction, or of an inline cache of one: _Py_CODEUNIT, Include/cpython/code.h (3.9 to 3.12), later pycore_code.h and pycore_structs.h. */
enum { CODE_UNIT = 2 };

struct code_entry {
    struct spprof_code *code;
    uint64_t name, qualified_name, file, line_table; /* addresses of the objects; qualified_name 0 before 3.11 */
    enum read_cache_status status;                   /* PENDING until all its memory is there; FAILED: reason says why this is no code object */
    uint64_t bytecode;                               /* address of the first instruction; 0 where the version tells positions by number (3.9, 3.10) */
    uint64_t bytecode_size;                          /* bytes */
    int32_t first_traceable;                         /* code units; a frame before it is incomplete (3.11 and later) */
    uint64_t frame_bytes;                            /* that a frame of it takes on the data stack; 0 unknown */
    uint64_t *thread_bytecode;                       /* free-threaded 3.14 and later: start of each thread's copy, 0: not made */
    size_t thread_bytecode_count;
    bool retired;
    bool waits; /* a mark for those who gather entries */
    char reason[192];
    bool left_out;     /* some of it was, for want of memory: what is missing is not known, which does not make it damaged */
    char missing[192]; /* a name or table that could not be read, in a code object that is otherwise sound; "" none */
};

struct code_table;

struct spprof_error *frames_code_table_new(struct code_table **table);

/* From now on memory is taken from a budget, borrowed, which gets it back when the table is freed. To be called before the first entry is made. */
void frames_code_table_draw_from(struct code_table *table, struct spprof_budget *budget);
void frames_code_table_free(struct code_table *table); /* NULL is allowed */

/* The entry of the code object at an address, made where there is none; NULL: out of memory. Owned by the table. */
struct code_entry *frames_code_table_get(struct code_table *table, uint64_t address);

/* The same where there is one; NULL: there is none. */
struct code_entry *frames_code_table_find(const struct code_table *table, uint64_t address);

/*
 * For a target that runs: forgets what stands at the entry's address, so that it is read anew when it is named again. The entry itself,
 * which frames may point to, lives as long as the table.
 */
void frames_code_table_retire(struct code_table *table, struct code_entry *entry);

/* How many code objects have been retired that had been sound. */
size_t frames_code_table_deaths(const struct code_table *table);

/* From now on frames_code_table_by_instruction finds code objects: the entry whose bytecode an instruction lies in; NULL: none that is known. */
void frames_code_table_keep_ranges(struct code_table *table);
struct code_entry *frames_code_table_by_instruction(const struct code_table *table, uint64_t instruction);

/* How many bytes of a code object frames_code_entry_matches needs. */
size_t frames_code_header_size(const struct layout *layout);

/* Whether the bytes at the entry's address are still those of the code object that was read. */
bool frames_code_entry_matches(const struct code_entry *entry, const struct layout *layout, struct bytes header);

/* Goes on gathering the memory of the entries that are pending. */
void frames_code_table_step(struct code_table *table, struct reader *reader);

/* Turns names and tables into text, from memory that is all there: work that no stopped target needs to wait for. */
void frames_code_table_decode(struct code_table *table, struct reader *reader);

/* The entries in the order in which they were made. */
size_t frames_code_table_count(const struct code_table *table);
struct code_entry *frames_code_table_at(const struct code_table *table, size_t index);

/*
 * The position of an instruction, by its offset in bytes, of an entry that was decoded. Where the line table was left out, or the budget of
 * searching is used up, every part of it is SPPROF_POSITION_LEFT_OUT.
 */
struct position frames_code_position(const struct code_entry *entry, struct reader *reader, int64_t offset);

/* Frees a code object that was taken out of its entry. */
void frames_code_free(struct spprof_code *code);

#endif
