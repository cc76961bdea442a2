/* Units on demand, by three kinds of messages. A request for work has one answer, and every rank
 * says goodbye once, so that all end together, whoever fails or is told to stop. */
#include "dispatch.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TAG_REQUEST = 1, TAG_GRANT = 2, TAG_ORDER = 3 };
/* Of a request: WORK wants a unit or the answer that none is left; STOP and BYE, a rank's last
 * message, have no answer. */
enum { KIND_WORK, KIND_STOP, KIND_BYE };
enum { REQUEST_KIND = 0, REQUEST_IMAGES = 1, REQUEST_INTS = 2 };
/* Of a grant: the unit, and whether the next may be asked for ahead. */
enum { GRANT_UNIT = 0, GRANT_PLENTY = 1, GRANT_INTS = 2 };
enum { NOT_KNOWN = -2 };

#define CHECK(call) CR_TRY(cr_par_check(call, #call, err))

static int drives_from(void)
{
    const char *given = getenv("CAMRANK_TEST_DRIVES_FROM");
    return given ? atoi(given) : CR_DISPATCH_DRIVES_FROM;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
}

static cr_status request(cr_dispatch *d, int kind, cr_error *err)
{
    int message[REQUEST_INTS] = {[REQUEST_KIND] = kind, [REQUEST_IMAGES] = d->n_unreported};
    d->n_unreported = 0;
    return cr_par_check(MPI_Send(message, REQUEST_INTS, MPI_INT, 0, TAG_REQUEST, d->par->comm),
                        "MPI_Send", err);
}

/* Asks for a unit and starts to wait for the answer. */
static cr_status ask(cr_dispatch *d, cr_error *err)
{
    cr_status status = CR_OK;
    CHECK(MPI_Irecv(d->granted, GRANT_INTS, MPI_INT, 0, TAG_GRANT, d->par->comm, &d->receive));
    d->waiting = true;
    d->ahead = NOT_KNOWN;
    CR_TRY(request(d, KIND_WORK, err));

cleanup:
    return status;
}

/* Takes the answer if it has come. */
static cr_status hear(cr_dispatch *d, cr_error *err)
{
    cr_status status = CR_OK;
    int done = 0;
    if (!d->waiting)
        return CR_OK;
    CHECK(MPI_Test(&d->receive, &done, MPI_STATUS_IGNORE));
    if (done) {
        d->waiting = false;
        d->ahead = d->granted[GRANT_UNIT];
    }

cleanup:
    return status;
}

static cr_status receive(cr_dispatch *d, cr_error *err)
{
    cr_status status = CR_OK;
    while (d->waiting) {
        CR_TRY(hear(d, err));
        if (d->waiting)
            nap();
    }

cleanup:
    return status;
}

/* Rank 0: every other rank gets this word once. */
static cr_status tell(cr_dispatch *d, int stop, cr_error *err)
{
    cr_status status = CR_OK;
    if (d->told)
        return CR_OK;
    d->told = true;
    for (int rank = 1; rank < d->par->size; rank++)
        CHECK(MPI_Send(&stop, 1, MPI_INT, rank, TAG_ORDER, d->par->comm));

cleanup:
    return status;
}

/* Whether a rank may hold a unit that it does not work at yet. */
static bool plenty(const cr_dispatch *d)
{
    const int64_t left = d->n_units - d->next_unit;
    return !d->drives || left >= (int64_t)CR_DISPATCH_PLENTY * d->par->size;
}

static int give(cr_dispatch *d)
{
    if (d->stopping || d->next_unit == d->n_units)
        return -1;
    int unit = d->next_unit++;
    return d->units[d->reversed ? d->n_units - 1 - unit : unit];
}

void cr_dispatch_order(const double *costs, int n, int *order)
{
    for (int i = 0; i < n; i++) {
        int at = i;
        for (; at > 0 && costs[order[at - 1]] < costs[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

cr_status cr_dispatch_init(cr_dispatch *d, const cr_par *par, const int *units, int n_units,
                           cr_error *err)
{
    cr_status status = CR_OK;
    const char *order = getenv("CAMRANK_TEST_ORDER");
    *d = (cr_dispatch){.par = par, .units = units, .n_units = n_units, .ahead = NOT_KNOWN};
    d->reversed = order && strcmp(order, "reverse") == 0;
    d->drives = par->size > 1 && par->size >= drives_from();
    if (par->rank != 0) {
        CHECK(MPI_Irecv(&d->ordered, 1, MPI_INT, 0, TAG_ORDER, par->comm, &d->order));
        CR_TRY(ask(d, err));
    }

cleanup:
    return status;
}

cr_status cr_dispatch_stop(cr_dispatch *d, cr_error *err)
{
    d->stopping = true;
    if (d->par->rank == 0)
        return tell(d, true, err);
    if (d->told)
        return CR_OK;
    d->told = true;
    return request(d, KIND_STOP, err);
}

/* Rank 0. */
static cr_status answer(cr_dispatch *d, int rank, const int message[REQUEST_INTS], cr_error *err)
{
    int grant[GRANT_INTS];
    d->n_images_done += message[REQUEST_IMAGES];
    switch (message[REQUEST_KIND]) {
    case KIND_STOP:
        return cr_dispatch_stop(d, err);
    case KIND_BYE:
        d->n_ended++;
        return CR_OK;
    default:
        grant[GRANT_UNIT] = give(d);
        grant[GRANT_PLENTY] = plenty(d);
        return cr_par_check(MPI_Send(grant, GRANT_INTS, MPI_INT, rank, TAG_GRANT, d->par->comm),
                            "MPI_Send", err);
    }
}

/* Ranks other than 0: whether rank 0 has said to stop. */
static cr_status listen(cr_dispatch *d, cr_error *err)
{
    cr_status status = CR_OK;
    int heard = 0;
    if (d->order != MPI_REQUEST_NULL)
        CHECK(MPI_Test(&d->order, &heard, MPI_STATUS_IGNORE));
    d->stopping = d->stopping || (heard && d->ordered);

cleanup:
    return status;
}

cr_status cr_dispatch_poll(cr_dispatch *d, cr_error *err)
{
    cr_status status = CR_OK;
    if (d->par->rank != 0)
        return listen(d, err);
    for (;;) {
        int waits, message[REQUEST_INTS];
        MPI_Status from;
        CHECK(MPI_Iprobe(MPI_ANY_SOURCE, TAG_REQUEST, d->par->comm, &waits, &from));
        if (!waits)
            break;
        CHECK(MPI_Recv(message, REQUEST_INTS, MPI_INT, from.MPI_SOURCE, TAG_REQUEST, d->par->comm,
                       MPI_STATUS_IGNORE));
        CR_TRY(answer(d, from.MPI_SOURCE, message, err));
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
        if (d->ahead == NOT_KNOWN)
            d->ahead = d->drives ? -1 : give(d);
        *unit = d->stopping ? -1 : d->ahead;
        d->ahead = NOT_KNOWN;
        return CR_OK;
    }
    d->n_unreported += images_done;
    if (!d->waiting && d->ahead == NOT_KNOWN)
        CR_TRY(ask(d, err));
    /* After the answer: what was granted before the word to stop is not begun either. */
    CR_TRY(receive(d, err));
    CR_TRY(listen(d, err));
    *unit = d->stopping ? -1 : d->ahead;
    d->ahead = NOT_KNOWN;
    if (*unit >= 0 && d->granted[GRANT_PLENTY])
        CR_TRY(ask(d, err));

cleanup:
    return status;
}

cr_status cr_dispatch_ahead(cr_dispatch *d, int *unit, cr_error *err)
{
    cr_status status = CR_OK;
    if (d->par->rank != 0)
        CR_TRY(hear(d, err));
    /* The last units are left to whoever is idle first. */
    else if (d->ahead == NOT_KNOWN && !d->drives && d->n_units - d->next_unit >= d->par->size)
        d->ahead = give(d);
    *unit = d->ahead >= 0 ? d->ahead : -1;

cleanup:
    return status;
}

cr_status cr_dispatch_finish(cr_dispatch *d, cr_status local, void (*idle)(void *context),
                             void *context, cr_error *err)
{
    cr_status status = CR_OK;
    if (local != CR_OK)
        CR_TRY(cr_dispatch_stop(d, err));
    if (d->par->rank == 0) {
        while (d->n_ended < d->par->size - 1) {
            CR_TRY(cr_dispatch_poll(d, err));
            if (idle)
                idle(context);
            nap();
        }
        CR_TRY(tell(d, false, err));
    } else {
        /* A unit that was asked for ahead is dropped: rank 0 is stopping, too. */
        CR_TRY(receive(d, err));
        CR_TRY(request(d, KIND_BYE, err));
        CHECK(MPI_Wait(&d->order, MPI_STATUS_IGNORE));
    }

cleanup:
    return status;
}
