#include "dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG_REQUEST = 1, TAG_GRANT = 2 };
enum { REQUEST_FAILED = 0, REQUEST_IMAGES = 1, REQUEST_INTS = 2 };

#define CHECK(call) CR_TRY(cr_par_check(call, #call, err))

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

/* Sends a request and starts to wait for its answer. */
static cr_status ask(cr_dispatch *d, bool failed, int images_done, cr_error *err)
{
    cr_status status = CR_OK;
    int request[REQUEST_INTS] = {[REQUEST_FAILED] = failed, [REQUEST_IMAGES] = images_done};
    CHECK(MPI_Irecv(&d->granted, 1, MPI_INT, 0, TAG_GRANT, d->par->comm, &d->receive));
    d->waiting = true;
    CHECK(MPI_Send(request, REQUEST_INTS, MPI_INT, 0, TAG_REQUEST, d->par->comm));

cleanup:
    return status;
}

static cr_status receive(cr_dispatch *d, int *unit, cr_error *err)
{
    cr_status status = CR_OK;
    for (int done = 0; !done;) {
        CHECK(MPI_Test(&d->receive, &done, MPI_STATUS_IGNORE));
        if (!done)
            nap();
    }
    d->waiting = false;
    *unit = d->granted;
    d->ended = *unit < 0;

cleanup:
    return status;
}

static int give(cr_dispatch *d)
{
    if (d->stopping || d->next_unit == d->n_units)
        return -1;
    int unit = d->next_unit++;
    return d->reversed ? d->n_units - 1 - unit : unit;
}

cr_status cr_dispatch_init(cr_dispatch *d, const cr_par *par, int n_units, cr_error *err)
{
    const char *order = getenv("CAMRANK_TEST_ORDER");
    *d = (cr_dispatch){.par = par, .n_units = n_units};
    d->reversed = order && strcmp(order, "reverse") == 0;
    return par->rank == 0 ? CR_OK : ask(d, false, 0, err);
}

cr_status cr_dispatch_poll(cr_dispatch *d, cr_error *err)
{
    cr_status status = CR_OK;
    if (d->par->rank != 0)
        return CR_OK;
    for (;;) {
        int waits, request[REQUEST_INTS];
        MPI_Status from;
        CHECK(MPI_Iprobe(MPI_ANY_SOURCE, TAG_REQUEST, d->par->comm, &waits, &from));
        if (!waits)
            break;
        CHECK(MPI_Recv(request, REQUEST_INTS, MPI_INT, from.MPI_SOURCE, TAG_REQUEST, d->par->comm,
                       MPI_STATUS_IGNORE));
        d->n_images_done += request[REQUEST_IMAGES];
        d->stopping = d->stopping || request[REQUEST_FAILED];
        int unit = give(d);
        d->n_ended += unit < 0;
        CHECK(MPI_Send(&unit, 1, MPI_INT, from.MPI_SOURCE, TAG_GRANT, d->par->comm));
    }

cleanup:
    return status;
}

cr_status cr_dispatch_next(cr_dispatch *d, int images_done, int *unit, cr_error *err)
{
    cr_status status = CR_OK;
    if (d->par->rank == 0) {
        d->n_images_done += images_done;
        CR_TRY(cr_dispatch_poll(d, err));
        *unit = give(d);
    } else {
        CR_TRY(receive(d, unit, err));
        if (*unit >= 0)
            CR_TRY(ask(d, false, images_done, err));
    }

cleanup:
    return status;
}

cr_status cr_dispatch_finish(cr_dispatch *d, cr_status local, void (*idle)(void *context),
                             void *context, cr_error *err)
{
    cr_status status = CR_OK;
    if (d->par->rank == 0) {
        d->stopping = d->stopping || local != CR_OK;
        while (d->n_ended < d->par->size - 1) {
            CR_TRY(cr_dispatch_poll(d, err));
            if (idle)
                idle(context);
            nap();
        }
    } else if (local != CR_OK) {
        /* A unit that was asked for ahead is given back by failing. */
        for (int unit; !d->ended;) {
            if (!d->waiting)
                CR_TRY(ask(d, true, 0, err));
            CR_TRY(receive(d, &unit, err));
        }
    }

cleanup:
    return status;
}
