/* The bar or the lines of a run that is going on: rank 0, standard error, never the results. */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define TERMINAL_INTERVAL_S 0.2
#define LOG_INTERVAL_S 30.0

double cr_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

const char *cr_progress_unit(int n_groups)
{
    return n_groups > 1 ? "passes" : "images";
}

void cr_progress_start(cr_progress *progress, bool shown, int64_t n_passes, int n_groups)
{
    double now = cr_now_s();
    *progress = (cr_progress){.shown = shown,
                              .terminal = isatty(STDERR_FILENO),
                              .n_groups = n_groups,
                              .n_passes = n_passes,
                              .started_s = now,
                              .printed_s = now};
}

static void print_line(const cr_progress *progress, double now)
{
    double elapsed = now - progress->started_s;
    double rate = elapsed > 0 ? (double)progress->done / elapsed : 0;
    /* What is under way counts when it is done: it began after share_s. */
    const double share = progress->share, since = elapsed - progress->share_s;
    const double left_s = share > 0 ? progress->share_s * (1 - share) / share - since : 0;
    const long left = left_s > 0 ? (long)(left_s + 0.5) : 0;
    if (progress->terminal) {
        int filled =
            (int)(progress->done * BAR_WIDTH / (progress->n_passes ? progress->n_passes : 1));
        char bar[BAR_WIDTH + 1];
        for (int i = 0; i < BAR_WIDTH; i++)
            bar[i] = i < filled ? '#' : '.';
        bar[BAR_WIDTH] = 0;
        fprintf(stderr, "\r[%s] ", bar);
    } else
        fprintf(stderr, "camrank: ");
    const char *unit = cr_progress_unit(progress->n_groups);
    fprintf(stderr, "%lld of %lld %s, %.1f %s/s, %ld:%02ld:%02ld left%s", (long long)progress->done,
            (long long)progress->n_passes, unit, rate, unit, left / 3600, left / 60 % 60, left % 60,
            progress->terminal ? "  " : "\n");
    fflush(stderr);
}

void cr_progress_update(cr_progress *progress, int64_t done, double share)
{
    double now = cr_now_s();
    progress->done = done;
    if (share > progress->share) {
        progress->share = share;
        progress->share_s = now - progress->started_s;
    }
    if (!progress->shown ||
        now - progress->printed_s < (progress->terminal ? TERMINAL_INTERVAL_S : LOG_INTERVAL_S))
        return;
    progress->printed_s = now;
    print_line(progress, now);
}

void cr_progress_end(cr_progress *progress, bool finished)
{
    if (!progress->shown)
        return;
    double elapsed = cr_now_s() - progress->started_s;
    if (progress->terminal)
        fprintf(stderr, "\r\033[K");
    if (!finished)
        return;
    const char *unit = cr_progress_unit(progress->n_groups);
    fprintf(stderr, "camrank: %lld %s in %.1f s, %.1f %s/s\n", (long long)progress->n_passes, unit,
            elapsed, elapsed > 0 ? (double)progress->n_passes / elapsed : 0, unit);
}
