#include "profile/counts.h"

uint64_t profile_counts_dropped(const struct spprof_sample_counts *counts)
{
    uint64_t sum = 0;
    for (int i = 0; i < SPPROF_DROP_REASONS; i++)
        sum += counts->dropped[i];
    return sum;
}

/* The nearest whole number; 0 for what is no number, negative or beyond all measure. */
static uint64_t to_integer(double value)
{
    return value > 0 && value < 1e18 ? (uint64_t)(value + 0.5) : 0;
}

uint64_t profile_counts_thousandths(double value)
{
    return to_integer(value * 1000);
}

double profile_counts_delivered_hz(const struct spprof_sample_counts *counts)
{
    return counts->duration_s > 0 ? (double)counts->ticks / counts->duration_s : 0;
}

uint64_t profile_counts_period_ns(const struct spprof_sample_counts *counts)
{
    if (counts->duration_s > 0 && counts->ticks > 0)
        return to_integer(counts->duration_s * 1e9 / (double)counts->ticks);
    return counts->rate_hz > 0 ? to_integer(1e9 / counts->rate_hz) : 0;
}

uint64_t profile_counts_duration_ns(const struct spprof_sample_counts *counts)
{
    return to_integer(counts->duration_s * 1e9);
}

static void write_capture_times(struct json_writer *json, const struct spprof_sample_counts *counts)
{
    output_json_key(json, "capture_us");
    output_json_begin_inline(json, '{');
    output_json_key(json, "p50");
    output_json_thousandths(json, profile_counts_thousandths(counts->capture_p50_us));
    output_json_key(json, "p99");
    output_json_thousandths(json, profile_counts_thousandths(counts->capture_p99_us));
    output_json_key(json, "max");
    output_json_thousandths(json, profile_counts_thousandths(counts->capture_max_us));
    output_json_end(json, '}');
}

static void write_count(struct json_writer *json, const char *name, uint64_t count)
{
    output_json_key(json, name);
    output_json_unsigned(json, count);
}

static void write_held(struct json_writer *json, const struct spprof_sample_counts *counts)
{
    output_json_key(json, "held");
    output_json_begin_inline(json, '{');
    for (int i = SPPROF_HELD_STOPPED; i < SPPROF_HELD_KINDS; i++)
        write_count(json, spprof_held_names[i], counts->held[i]);
    output_json_end(json, '}');
}

void profile_counts_write_json(struct json_writer *json, const struct spprof_sample_counts *counts)
{
    output_json_key(json, "duration_s");
    output_json_thousandths(json, profile_counts_thousandths(counts->duration_s));
    output_json_key(json, "rate_hz");
    output_json_thousandths(json, profile_counts_thousandths(counts->rate_hz));
    write_count(json, "ticks", counts->ticks);
    write_count(json, "overruns", counts->overruns);
    write_count(json, "captured", counts->captured);
    write_count(json, "recovered", counts->recovered);
    write_count(json, "cut_to_caller", counts->cut_to_caller);
    write_count(json, "retried", counts->retried);
    output_json_key(json, "dropped");
    output_json_begin_inline(json, '{');
    for (int i = 0; i < SPPROF_DROP_REASONS; i++)
        write_count(json, spprof_drop_names[i], counts->dropped[i]);
    output_json_end(json, '}');
    write_held(json, counts);
    write_count(json, "threads_seen", counts->threads_seen);
    write_capture_times(json, counts);
}

void spprof_report_sample_stats(FILE *stream, const struct spprof_sample_counts *counts)
{
    struct json_writer json = {.stream = stream, .first = true};
    output_json_begin(&json, '{');
    output_json_key(&json, "format");
    output_json_string(&json, "spprof-sample-stats");
    output_json_key(&json, "version");
    output_json_unsigned(&json, 1);
    profile_counts_write_json(&json, counts);
    output_json_end(&json, '}');
}
