#include "sampling.h"

#include "check.h"
#include "fuzz.h"
#include "spprof/sample.h"
#include "target/target.h"

enum {
    BATCHES = 2000, /* reads after which sampling ends; the first look at all threads takes some hundreds */
    LOOKS_MIN = 2,
};

struct run {
    struct recording *recording;
    const uint8_t *input;
    size_t patches;
    uint64_t made; /* which of the patches are there now, a bit each */
    uint64_t random;
    uint64_t pace; /* a patch comes or goes in one batch out of so many */
    size_t batches;
    volatile int ended;
};

static void toggle(struct run *run, size_t patch)
{
    fuzz_apply(run->recording, run->input + patch * sizeof(struct patch), sizeof(struct patch));
    run->made ^= UINT64_C(1) << patch;
}

static void on_read(void *context, const struct spprof_range *ranges, size_t count)
{
    struct run *run = context;
    (void)ranges;
    (void)count;
    if (++run->batches >= BATCHES)
        run->ended = 1;
    for (size_t i = 0; i < run->patches; i++)
        if (fuzz_random(&run->random) % run->pace == 0)
            toggle(run, i);
}

static _Noreturn struct spprof_error *never(struct spprof_target *target)
{
    (void)target;
    abort(); /* it is read while it runs */
}

static void check_places(const struct spprof_profile *profile)
{
    for (uint32_t i = 0; i < profile->place_count; i++) {
        check_text(&profile->places[i].function);
        check_text(&profile->places[i].file);
        REQUIRE(profile->places[i].line >= SPPROF_NO_POSITION);
    }
}

static void check_nodes(const struct spprof_profile *profile)
{
    uint64_t self = 0, total = 0;
    for (uint32_t i = 0; i < profile->node_count; i++) {
        const struct spprof_node *node = &profile->nodes[i];
        bool root = node->parent == SPPROF_NONE;
        REQUIRE(root ? node->place == SPPROF_NONE : node->parent < i && node->place < profile->place_count);
        REQUIRE(node->self <= node->total && (root || node->total <= profile->nodes[node->parent].total));
        self += node->self;
        total += root ? node->total : 0;
    }
    REQUIRE(self == profile->samples && total == profile->samples);
}

static void check_counts(const struct spprof_profile *profile, bool changed)
{
    const struct spprof_sample_counts *counts = &profile->counts;
    REQUIRE(counts->captured == profile->samples);
    REQUIRE(counts->recovered + counts->cut_to_caller <= counts->captured && counts->retried <= counts->captured);
    if (changed)
        return;
    REQUIRE(counts->ticks >= LOOKS_MIN && counts->captured == counts->ticks * profile->thread_count);
    REQUIRE(counts->recovered == 0 && counts->cut_to_caller == 0 && counts->retried == 0);
    for (size_t i = 0; i < SPPROF_DROP_REASONS; i++)
        REQUIRE(counts->dropped[i] == 0);
}

static void write_all(const struct spprof_profile *profile)
{
    struct printed printed;
    for (enum spprof_profile_format format = 0; format < SPPROF_FORMATS; format++) {
        open_print(&printed);
        const struct spprof_profile_report_options options = {.threads = format % 2};
        REQUIRE(spprof_report_profile(printed.stream, profile, format, &options) == NULL);
        close_print(&printed, spprof_profile_formats[format].is_text);
    }
    open_print(&printed);
    spprof_report_sample_stats(printed.stream, &profile->counts);
    close_print(&printed, true);
}

static void sample(struct run *run, struct spprof_target *target)
{
    struct spprof_sampler *sampler;
    struct spprof_profile *profile;
    REQUIRE(spprof_sampler_new(target, &(struct spprof_sample_options){.rate_hz = 1e6, .idle = true}, &sampler) == NULL);
    run->recording->image.before_read = on_read;
    run->recording->image.context = run;
    REQUIRE(spprof_sampler_run(sampler, &run->ended, NULL, NULL) == NULL);
    REQUIRE(spprof_sampler_finish(sampler, &profile) == NULL);
    run->recording->image.before_read = NULL;
    spprof_sampler_free(sampler);
    check_places(profile);
    check_nodes(profile);
    check_counts(profile, run->patches > 0);
    write_all(profile);
    spprof_profile_free(profile);
}

void sample_running(struct recording *recording, const uint8_t *input, size_t size)
{
    static const uint64_t paces[] = {2, 5, 20, 100};
    struct run run = {.recording = recording, .input = input, .patches = size / sizeof(struct patch), .pace = 2};
    struct spprof_target *target;
    for (size_t i = 0; i < size; i++)
        run.random = run.random * 31 + input[i];
    if (run.patches > PATCHES_MAX)
        run.patches = PATCHES_MAX;
    run.pace = paces[fuzz_random(&run.random) % (sizeof paces / sizeof *paces)];
    REQUIRE(spprof_image_open(&recording->image, &target) == NULL);
    struct spprof_target_ops ops = *target->ops;
    const struct spprof_target_ops *image_ops = target->ops;
    ops.stop = never; /* a target that could be stopped does not stand still */
    target->ops = &ops;
    sample(&run, target);
    target->ops = image_ops;
    spprof_target_close(target);
    for (size_t i = 0; i < run.patches; i++)
        if (run.made >> i & 1)
            toggle(&run, i);
}
