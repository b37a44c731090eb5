/* Samples that wait to be counted, while the code objects that they name may die. */
#include "running.h"
#include "sample/pending.h"

struct counted {
    struct pending pending;
    struct spprof_profile *profile;
    struct sampled_thread thread;
};

static void set_up_pending(struct running *running, struct counted *counted)
{
    *counted = (struct counted){.thread = {.profile_thread = SPPROF_NONE, .tid = 1}};
    assert_null(spprof_profile_new(&counted->profile));
    assert_null(sample_pending_init(&counted->pending, counted->profile, &running->context));
}

static void tear_down_pending(struct counted *counted)
{
    sample_pending_free(&counted->pending);
    spprof_profile_free(counted->profile);
}

static void take_and_add(struct running *running, struct counted *counted)
{
    struct capture_outcome outcome = take_at_rest(running);
    assert_int_not_equal(outcome.result, CAPTURE_DROPPED);
    counted->thread.capture = running->capture; /* of which only the frames are looked at */
    assert_true(sample_pending_add(&counted->pending, &counted->thread, &outcome));
}

static void assert_counted(const struct counted *counted, uint64_t captured, uint64_t changed)
{
    const struct spprof_sample_counts *counts = &counted->profile->counts;
    assert_int_equal(counts->captured, captured);
    assert_int_equal(counts->dropped[SPPROF_DROP_CHANGED], changed);
    assert_int_equal(counted->profile->samples, captured);
}

static bool has_function(const struct counted *counted, const char *part)
{
    for (uint32_t i = 0; i < counted->profile->place_count; i++)
        if (strstr(counted->profile->places[i].function.bytes, part) != NULL)
            return true;
    return false;
}

static void test_code_that_dies_before_it_is_counted(void **state)
{
    struct running *running = *state;
    struct counted counted;
    set_up_pending(running, &counted);
    stand_in_leaf(running);
    take_and_add(running, &counted);
    return_to_caller(running);
    take_and_add(running, &counted);
    replace_code(running, LEAF, "impostor");
    sample_pending_commit(&counted.pending, false);
    assert_counted(&counted, 1, 1); /* that of middle */
    assert_false(has_function(&counted, "leaf") || has_function(&counted, "impostor"));
    call(running, SILENT, LEAF);
    take_and_add(running, &counted);
    assert_string_equal(name_of(sample_capture_frame(&running->capture, sample_capture_depth(&running->capture) - 1)), "impostor");
    sample_pending_commit(&counted.pending, false);
    assert_counted(&counted, 2, 1);
    assert_true(has_function(&counted, "impostor"));
    assert_false(has_function(&counted, "leaf"));
    tear_down_pending(&counted);
}

static void test_code_that_is_gone_before_it_is_counted(void **state)
{
    struct running *running = *state;
    struct counted counted;
    set_up_pending(running, &counted);
    stand_in_leaf(running);
    take_and_add(running, &counted);
    make_hole(running->memory, running->code[MIDDLE], 16, SPPROF_READ_UNMAPPED);
    sample_pending_commit(&counted.pending, false);
    assert_counted(&counted, 0, 1);
    tear_down_pending(&counted);
}

/* What a still target said is of one moment: nothing is asked again. */
static void test_counted_at_a_standstill(void **state)
{
    struct running *running = *state;
    struct counted counted;
    set_up_pending(running, &counted);
    stand_in_leaf(running);
    for (int i = 0; i < 3; i++)
        take_and_add(running, &counted);
    assert_int_equal(counted.pending.frame_count, 3); /* what has not changed is not there again */
    set_play(running, NULL, 0);
    sample_pending_commit(&counted.pending, true);
    assert_int_equal(running->batches, 0);
    assert_counted(&counted, 3, 0);
    assert_int_equal(counted.profile->place_count, 3);
    assert_int_equal(counted.profile->node_count, 4);
    tear_down_pending(&counted);
}

static void count_with_name(struct running *running, struct counted *counted)
{
    static char name[] = "worker";
    counted->thread.name = (struct spprof_text){.bytes = name, .size = sizeof name - 1};
    take_and_add(running, counted);
    sample_pending_commit(&counted->pending, true);
}

/* The threading module learns of a thread a moment after it has begun. */
static void test_a_name_that_comes_after_the_first_samples(void **state)
{
    struct running *running = *state;
    struct counted counted;
    set_up_pending(running, &counted);
    stand_in_leaf(running);
    take_and_add(running, &counted);
    sample_pending_commit(&counted.pending, true);
    assert_null(counted.profile->threads[0].name.bytes);
    count_with_name(running, &counted);
    assert_int_equal(counted.profile->thread_count, 1);
    assert_string_equal(counted.profile->threads[0].name.bytes, "worker");
    assert_int_equal(counted.profile->threads[0].samples, 2);
    tear_down_pending(&counted);
}

/* Threads without end share one tree; who had its own before keeps it. */
static void test_a_name_that_comes_when_there_are_many_threads(void **state)
{
    enum { MANY = 1 << 13 };
    struct running *running = *state;
    struct counted counted;
    set_up_pending(running, &counted);
    stand_in_leaf(running);
    take_and_add(running, &counted);
    sample_pending_commit(&counted.pending, true);
    for (int i = 2; i < MANY; i++)
        spprof_profile_thread(counted.profile, i, &(struct spprof_text){0}, "", false);
    count_with_name(running, &counted);
    assert_string_equal(counted.profile->threads[0].name.bytes, "worker");
    assert_int_equal(counted.profile->threads[0].samples, 2);
    tear_down_pending(&counted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(test_code_that_dies_before_it_is_counted),
        EACH(test_code_that_is_gone_before_it_is_counted),
        EACH(test_counted_at_a_standstill),
        EACH(test_a_name_that_comes_after_the_first_samples),
        EACH(test_a_name_that_comes_when_there_are_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
