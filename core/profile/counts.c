#include "profile/counts.h"

uint64_t counts_dropped(const struct spprof_sample_counts *counts)
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

uint64_t counts_thousandths(double value)
{
    return to_integer(value * 1000);
}

double counts_delivered_hz(const struct spprof_sample_counts *counts)
{
    return counts->duration_s > 0 ? (double)counts->ticks / counts->duration_s : 0;
}

uint64_t counts_period_ns(const struct spprof_sample_counts *counts)
{
    if (counts->duration_s > 0 && counts->ticks > 0)
        return to_integer(counts->duration_s * 1e9 / (double)counts->ticks);
    return counts->rate_hz > 0 ? to_integer(1e9 / counts->rate_hz) : 0;
}

uint64_t counts_duration_ns(const struct spprof_sample_counts *counts)
{
    return to_integer(counts->duration_s * 1e9);
}

static void write_capture_times(struct json_writer *json, const struct spprof_sample_counts *counts)
{
    json_key(json, "capture_us");
    json_begin_inline(json, '{');
    json_key(json, "p50");
    json_thousandths(json, counts_thousandths(counts->capture_p50_us));
    json_key(json, "p99");
    json_thousandths(json, counts_thousandths(counts->capture_p99_us));
    json_key(json, "max");
    json_thousandths(json, counts_thousandths(counts->capture_max_us));
    json_end(json, '}');
}

static void write_count(struct json_writer *json, const char *name, uint64_t count)
{
    json_key(json, name);
    json_unsigned(json, count);
}

static void write_held(struct json_writer *json, const struct spprof_sample_counts *counts)
{
    json_key(json, "held");
    json_begin_inline(json, '{');
    for (int i = SPPROF_HELD_STOPPED; i < SPPROF_HELD_KINDS; i++)
        write_count(json, spprof_held_names[i], counts->held[i]);
    json_end(json, '}');
}

void counts_write_json(struct json_writer *json, const struct spprof_sample_counts *counts)
{
    json_key(json, "duration_s");
    json_thousandths(json, counts_thousandths(counts->duration_s));
    json_key(json, "rate_hz");
    json_thousandths(json, counts_thousandths(counts->rate_hz));
    write_count(json, "ticks", counts->ticks);
    write_count(json, "overruns", counts->overruns);
    write_count(json, "captured", counts->captured);
    write_count(json, "recovered", counts->recovered);
    write_count(json, "cut_to_caller", counts->cut_to_caller);
    write_count(json, "retried", counts->retried);
    json_key(json, "dropped");
    json_begin_inline(json, '{');
    for (int i = 0; i < SPPROF_DROP_REASONS; i++)
        write_count(json, spprof_drop_names[i], counts->dropped[i]);
    json_end(json, '}');
    write_held(json, counts);
    write_count(json, "threads_seen", counts->threads_seen);
    write_capture_times(json, counts);
}

void spprof_report_sample_stats(FILE *stream, const struct spprof_sample_counts *counts)
{
    struct json_writer json = {.stream = stream, .first = true};
    json_begin(&json, '{');
    json_key(&json, "format");
    json_string(&json, "spprof-sample-stats");
    json_key(&json, "version");
    json_unsigned(&json, 1);
    counts_write_json(&json, counts);
    json_end(&json, '}');
}
