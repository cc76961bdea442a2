/* The queue of images that are read ahead: one thread puts what it has read, the rank takes in
 * order. An item is the reader's until it is ready, then the taker's. */
#include "ahead.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* One image of the queue. What it holds is the reader's until it is ready, then the taker's. */
typedef struct item {
    const cr_input_spec *spec;
    int at; /* in the image set */
    cr_status status;
    cr_error error;
    uint8_t *bytes; /* [n_bytes] of its file, where it is not decoded yet */
    float *input;   /* else what the network gets; both NULL on failure */
    size_t n_bytes; /* that it holds */
    int32_t size[2];
} item;

struct cr_ahead {
    const cr_dataset *data;
    size_t max_bytes;
    int max_mpixels;
    bool decodes;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t may_read, is_ready;
    /* Under the lock. Images are counted from the start; the nth is items[n % capacity]. */
    int64_t n_put, n_ready, n_taken;
    size_t held_bytes; /* of those that are ready and not taken */
    bool ends;
    int capacity;
    item items[];
};

/* From the bytes of an item to the network's input. */
static cr_status decode(const cr_ahead *a, item *it, float *input, cr_error *err)
{
    cr_status status = CR_OK;
    cr_image image = {0};
    char *path = cr_data_image_path(a->data, it->at);
    if (!path)
        CR_TRY(cr_fail_memory(err, "a path", 1, 1));
    CR_TRY(cr_image_decode(it->bytes, it->n_bytes, path, a->max_mpixels, &image, err));
    it->size[0] = image.width;
    it->size[1] = image.height;
    CR_TRY(cr_data_check_size(a->data, it->at, image.width, image.height, err));
    status = cr_input_prepare(it->spec, &image, input, err);
    if (status == CR_EINPUT)
        cr_fail_in(err, "%s: ", path);

cleanup:
    cr_image_free(&image);
    free(path);
    return status;
}

/* The same, into memory of the item, which no longer needs its bytes. */
static cr_status decode_ahead(const cr_ahead *a, item *it, cr_error *err)
{
    const size_t size = cr_input_size(it->spec);
    float *input = malloc(size * sizeof *input);
    cr_status status =
        input ? decode(a, it, input, err) : cr_fail_memory(err, "an image", size, sizeof *input);
    free(it->bytes);
    it->bytes = NULL;
    if (status != CR_OK) {
        free(input);
        return status;
    }
    it->input = input;
    it->n_bytes = size * sizeof *input;
    return CR_OK;
}

static void read_item(const cr_ahead *a, item *it)
{
    it->status = cr_data_image_read(a->data, it->at, &it->bytes, &it->n_bytes, &it->error);
    if (it->status == CR_OK && a->decodes)
        it->status = decode_ahead(a, it, &it->error);
    if (it->status != CR_OK)
        it->n_bytes = 0;
}

static bool may_read(const cr_ahead *a)
{
    const bool full = a->n_ready > a->n_taken && a->held_bytes >= a->max_bytes;
    return a->n_ready < a->n_put && !full;
}

static void *read_all(void *context)
{
    cr_ahead *a = context;
    pthread_mutex_lock(&a->lock);
    for (;;) {
        while (!a->ends && !may_read(a))
            pthread_cond_wait(&a->may_read, &a->lock);
        if (a->ends)
            break;
        item *it = &a->items[a->n_ready % a->capacity];
        pthread_mutex_unlock(&a->lock);
        read_item(a, it);
        pthread_mutex_lock(&a->lock);
        a->held_bytes += it->n_bytes;
        a->n_ready++;
        pthread_cond_signal(&a->is_ready);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Signals are for the thread that computes. */
static int start_thread(cr_ahead *a)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&a->thread, NULL, read_all, a);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

cr_status cr_ahead_new(const cr_dataset *data, int capacity, size_t max_bytes, int max_mpixels,
                       bool decodes, cr_ahead **ahead, cr_error *err)
{
    cr_ahead *a = cr_alloc(1, sizeof *a + (size_t)capacity * sizeof a->items[0]);
    *ahead = NULL;
    if (!a)
        return cr_fail_memory(err, "images read ahead", (size_t)capacity, sizeof a->items[0]);
    a->data = data;
    a->capacity = capacity;
    a->max_bytes = max_bytes;
    a->max_mpixels = max_mpixels;
    a->decodes = decodes;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->may_read, NULL);
    pthread_cond_init(&a->is_ready, NULL);
    const int failed = start_thread(a);
    if (failed) {
        free(a);
        return cr_fail(err, CR_EINTERNAL, "no thread to read images: %s", strerror(failed));
    }
    *ahead = a;
    return CR_OK;
}

static void drop(item *it)
{
    free(it->bytes);
    free(it->input);
    *it = (item){0};
}

void cr_ahead_free(cr_ahead *a)
{
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->ends = true;
    pthread_cond_signal(&a->may_read);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
    for (int i = 0; i < a->capacity; i++)
        drop(&a->items[i]);
    pthread_cond_destroy(&a->is_ready);
    pthread_cond_destroy(&a->may_read);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void cr_ahead_put(cr_ahead *a, const cr_input_spec *spec, int first, int n)
{
    pthread_mutex_lock(&a->lock);
    for (int i = 0; i < n; i++)
        a->items[a->n_put++ % a->capacity] = (item){.spec = spec, .at = first + i};
    pthread_cond_signal(&a->may_read);
    pthread_mutex_unlock(&a->lock);
}

/* The first item, once it has been read. Nobody else touches it, so the next is read meanwhile. */
static item *wait_for_item(cr_ahead *a)
{
    pthread_mutex_lock(&a->lock);
    while (a->n_taken == a->n_ready)
        pthread_cond_wait(&a->is_ready, &a->lock);
    pthread_mutex_unlock(&a->lock);
    return &a->items[a->n_taken % a->capacity];
}

/* Takes the first item, which held so many bytes, out of the queue. */
static void end_item(cr_ahead *a, item *it, size_t held_bytes)
{
    drop(it);
    pthread_mutex_lock(&a->lock);
    a->held_bytes -= held_bytes;
    a->n_taken++;
    pthread_cond_signal(&a->may_read);
    pthread_mutex_unlock(&a->lock);
}

void cr_ahead_skip(cr_ahead *a, int n)
{
    for (int i = 0; i < n; i++) {
        item *it = wait_for_item(a);
        end_item(a, it, it->n_bytes);
    }
}

cr_status cr_ahead_take(cr_ahead *a, int32_t size[2], float *input, cr_error *err)
{
    item *it = wait_for_item(a);
    const size_t held_bytes = it->n_bytes;
    if (it->input)
        memcpy(input, it->input, it->n_bytes);
    else if (it->status == CR_OK)
        it->status = decode(a, it, input, &it->error);
    memcpy(size, it->size, sizeof it->size);
    const cr_status status = it->status;
    if (status != CR_OK)
        *err = it->error;
    end_item(a, it, held_bytes);
    return status;
}
