/* Signals that ask to stop: the handler only notes the first. SIGTERM or SIGINT again is a
 * launcher's repetition at first, and later ends the program. */
#include "stop.h"

#include "camrank/base.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { N_SIGNALS = 3 };
static const int signals[N_SIGNALS] = {SIGUSR1, SIGTERM, SIGINT};

static volatile sig_atomic_t asked;
static struct timespec first; /* written once, by the first signal, while the others are blocked */
static int exit_code;

static void handle(int signal_number)
{
    const int kept = errno;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!asked) {
        first = now;
        asked = 1;
    } else if (signal_number != SIGUSR1 &&
               (double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec) >=
                   CR_STOP_AGAIN_S) {
        _exit(exit_code);
    }
    errno = kept;
}

static void install(void (*handler)(int))
{
    /* Libraries must not see interrupted system calls. */
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < N_SIGNALS; i++)
        sigaddset(&action.sa_mask, signals[i]);
    for (int i = 0; i < N_SIGNALS; i++)
        sigaction(signals[i], &action, NULL);
}

void cr_stop_catch(void)
{
    exit_code = cr_status_exit_code(CR_ESTOPPED);
    install(handle);
}

void cr_stop_release(void)
{
    install(SIG_DFL);
}

bool cr_stop_asked(void)
{
    return asked != 0;
}
