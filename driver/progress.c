/* The bar or the lines of a run that is going on: rank 0, standard error, never the results. */
#include "progress.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 30
#define LEAST_BAR 5
#define LINE_BYTES 256
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

static void print_line(const cr_progress *progress, double now)
{
    double elapsed = now - progress->started_s;
    double rate = elapsed > 0 ? (double)progress->done / elapsed : 0;
    /* What is under way counts when it is done: it began after share_s. */
    const double share = progress->share, since = elapsed - progress->share_s;
    const double left_s = share > 0 ? progress->share_s * (1 - share) / share - since : 0;
    const long left = left_s > 0 ? (long)(left_s + 0.5) : 0;
    const char *unit = cr_progress_unit(progress->n_groups);
    char text[LINE_BYTES], bar[BAR_WIDTH + 1];
    const int n = snprintf(text, sizeof text, "%lld of %lld %s, %.1f %s/s, %ld:%02ld:%02ld left",
                           (long long)progress->done, (long long)progress->n_passes, unit, rate,
                           unit, left / 3600, left / 60 % 60, left % 60);
    if (!progress->terminal) {
        fprintf(stderr, "camrank: %s\n", text);
        fflush(stderr);
        return;
    }
    /* One line, the last column left free: a terminal would go on in the next one. */
    const int columns = progress->width > 1 ? progress->width - 1 : LINE_BYTES;
    int width = columns - n - (int)strlen("[] ");
    width = width > BAR_WIDTH ? BAR_WIDTH : width < LEAST_BAR ? 0 : width;
    const int filled =
        (int)(progress->done * width / (progress->n_passes ? progress->n_passes : 1));
    for (int i = 0; i < width; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[width] = 0;
    fprintf(stderr, "\r%s%s%s%.*s\033[K", width ? "[" : "", bar, width ? "] " : "", columns, text);
    fflush(stderr);
}

/* Where standard error ends: our own, or, where a launcher reads it, the launcher's, which is our parent on
 * its node. Finds the width of a terminal. */
static bool find_terminal(int *width)
{
    struct winsize size = {0};
    char path[64], target[64] = "";
    bool terminal = isatty(STDERR_FILENO);
    if (terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0)
        *width = size.ws_col;
    if (terminal)
        return true;
    snprintf(path, sizeof path, "/proc/%ld/fd/2", (long)getppid());
    const ssize_t n = readlink("/proc/self/fd/2", target, sizeof target - 1);
    if (n < 0 || strncmp(target, "pipe:", 5) != 0)
        return false;
    memset(target, 0, sizeof target);
    /* A shell whose own standard error is a terminal, but ours a pipe of its, is no launcher. */
    if (!getenv("OMPI_COMM_WORLD_RANK") && !getenv("PMI_RANK"))
        return false;
    if (readlink(path, target, sizeof target - 1) < 0 || strncmp(target, "/dev/", 5) != 0)
        return false;
    const int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    terminal = isatty(fd);
    if (terminal && ioctl(fd, TIOCGWINSZ, &size) == 0)
        *width = size.ws_col;
    close(fd);
    return terminal;
}

void cr_progress_start(cr_progress *progress, bool shown, int64_t n_passes, int n_groups)
{
    double now = cr_now_s();
    *progress = (cr_progress){.shown = shown,
                              .n_groups = n_groups,
                              .n_passes = n_passes,
                              .started_s = now,
                              .printed_s = now};
    progress->terminal = find_terminal(&progress->width);
    if (shown && progress->terminal)
        print_line(progress, now);
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
