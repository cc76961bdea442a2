/* Memory that the ranks of a node share.
 *
 * It is a memfd of the node's leader, which the others open through /proc, and not an MPI window:
 * MPI_Win_allocate_shared of Open MPI 4.1.4 hangs the other ranks where its file does not fit
 * /dev/shm, which is 64 MB in many containers. A memfd needs no file system and leaves nothing behind
 * however its ranks end, its pages can be reserved before anybody relies on them, and given back
 * one by one. */
#include "camrank/par.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static cr_status make_part(cr_par *part, MPI_Comm comm, cr_error *err)
{
    *part = (cr_par){.comm = comm};
    if (comm == MPI_COMM_NULL) /* this rank is in none */
        return CR_OK;
    CR_OR_RETURN(cr_par_check(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN),
                              "MPI_Comm_set_errhandler", err));
    CR_OR_RETURN(cr_par_check(MPI_Comm_rank(comm, &part->rank), "MPI_Comm_rank", err));
    return cr_par_check(MPI_Comm_size(comm, &part->size), "MPI_Comm_size", err);
}

cr_status cr_par_check_nodes(cr_error *err)
{
    const char *text = getenv("CAMRANK_NODE_RANKS");
    char *end;
    if (!text || !text[0] || (strtol(text, &end, 10) > 0 && end != text && !*end))
        return CR_OK;
    return cr_fail(err, CR_EUSAGE, "CAMRANK_NODE_RANKS=%s: must be a whole number of at least 1",
                   text);
}

cr_status cr_par_nodes_init(cr_par_nodes *nodes, const cr_par *par, cr_error *err)
{
    cr_status status = CR_OK;
    cr_par host = {.comm = MPI_COMM_NULL};
    MPI_Comm comm = MPI_COMM_NULL;
    const char *text = getenv("CAMRANK_NODE_RANKS");
    const int most = text ? atoi(text) : 0;
    *nodes = (cr_par_nodes){cr_par_alone(), cr_par_alone(), 1};
    if (par->comm == MPI_COMM_NULL)
        return CR_OK;
    CR_TRY(cr_par_check(
        MPI_Comm_split_type(par->comm, MPI_COMM_TYPE_SHARED, par->rank, MPI_INFO_NULL, &comm),
        "MPI_Comm_split_type", err));
    CR_TRY(make_part(&host, comm, err));
    CR_TRY(
        cr_par_check(MPI_Comm_split(host.comm, most > 0 ? host.rank / most : 0, host.rank, &comm),
                     "MPI_Comm_split", err));
    CR_TRY(make_part(&nodes->node, comm, err));
    const bool leads = nodes->node.rank == 0;
    CR_TRY(cr_par_check(MPI_Comm_split(par->comm, leads ? 0 : MPI_UNDEFINED, par->rank, &comm),
                        "MPI_Comm_split", err));
    CR_TRY(make_part(&nodes->leaders, comm, err));
    int64_t n_nodes = leads;
    CR_TRY(cr_par_sum(par, &n_nodes, 1, err));
    nodes->n_nodes = (int)n_nodes;

cleanup:
    cr_par_fini(&host);
    if (status != CR_OK)
        cr_par_nodes_fini(nodes);
    return status;
}

void cr_par_nodes_fini(cr_par_nodes *nodes)
{
    cr_par_fini(&nodes->leaders);
    cr_par_fini(&nodes->node);
}

/* What a leader tells the others of its node. */
typedef struct offer {
    uint64_t n_bytes, layout;
    pid_t pid;
    int fd; /* in the leader's process; -1: there is none */
    dev_t device;
    ino_t inode;
} offer;

static cr_status fail_errno(cr_error *err, const char *call, int error)
{
    return cr_fail(err, CR_EIO, "%s: %s", call, strerror(error));
}

/* The leader's part: memory of n_bytes. */
static cr_status create(size_t n_bytes, offer *made, cr_error *err)
{
    struct rlimit limit;
    struct stat info;
    made->fd = -1;
    /* Beyond the limit the kernel would send a signal. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < n_bytes)
        return cr_fail(err, CR_EIO, "the limit on file sizes (ulimit -f) is below %zu bytes",
                       n_bytes);
    int fd = memfd_create("camrank", MFD_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "memfd_create", errno);
    if (ftruncate(fd, (off_t)n_bytes) != 0 || fstat(fd, &info) != 0) {
        const int error = errno;
        close(fd);
        return fail_errno(err, "ftruncate", error);
    }
    made->pid = getpid();
    made->fd = fd;
    made->device = info.st_dev;
    made->inode = info.st_ino;
    return CR_OK;
}

/* The others' part: opens what the leader has made. Processes have other numbers in other
 * containers, so that another file may have this name. */
static cr_status open_made(const offer *made, int *fd, cr_error *err)
{
    char path[64];
    struct stat info;
    snprintf(path, sizeof path, "/proc/%ld/fd/%d", (long)made->pid, made->fd);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return fail_errno(err, path, errno);
    if (fstat(*fd, &info) != 0 || info.st_dev != made->device || info.st_ino != made->inode)
        return cr_fail(err, CR_EIO, "%s: is not the memory of the node's first rank", path);
    return CR_OK;
}

/* What fails up to here does not end the run: no site that CAMRANK_FAULT could name. */
static cr_status agree_to_share(const cr_par *par, cr_status local, cr_error *err)
{
    return cr_par_agree_at(par, local, err, "");
}

/* Maps the block in shared memory. Fails on all ranks of the node or on none. Collective over it. */
static cr_status share_memory(const cr_par *node, uint64_t layout, cr_par_block *block,
                              cr_error *err)
{
    cr_status status = CR_OK, local = CR_OK;
    const bool leads = node->rank == 0;
    const size_t n_bytes = block->n_bytes ? block->n_bytes : 1;
    offer made = {.n_bytes = n_bytes, .layout = layout, .fd = -1};
    int fd = -1;
    if (leads) {
        local = create(n_bytes, &made, err);
        fd = made.fd;
    }
    CR_TRY(cr_par_spread(node, &made, sizeof made, err));
    if (!leads && (made.n_bytes != n_bytes || made.layout != layout))
        local = cr_fail(err, CR_EIO, "it would differ from that of the node's first rank");
    else if (!leads && made.fd >= 0)
        local = open_made(&made, &fd, err);
    if (local == CR_OK && fd >= 0) {
        int access = leads ? PROT_READ | PROT_WRITE : PROT_READ;
        void *bytes = mmap(NULL, n_bytes, access, MAP_SHARED, fd, 0);
        if (bytes == MAP_FAILED)
            local = fail_errno(err, "mmap", errno);
        else
            block->bytes = bytes;
    }
    CR_TRY(agree_to_share(node, local, err));
    if (leads) {
        block->fd = fd;
        fd = -1;
    }

cleanup:
    /* The leader's was open until the others have opened theirs. */
    if (fd >= 0)
        close(fd);
    return status;
}

static void unmap(cr_par_block *block)
{
    if (block->bytes)
        munmap(block->bytes, block->n_bytes ? block->n_bytes : 1);
    if (block->fd >= 0)
        close(block->fd);
    block->bytes = NULL;
    block->fd = -1;
}

cr_status cr_par_block_new(const cr_par *par, const cr_par_nodes *nodes, size_t n_bytes,
                           uint64_t layout, cr_par_block *block, cr_error *err)
{
    cr_status status = CR_OK;
    cr_error why = {0};
    *block = (cr_par_block){.n_bytes = n_bytes, .fd = -1};
    if (nodes->node.size > 1)
        status = share_memory(&nodes->node, layout, block, &why);
    block->shared = nodes->node.size > 1 && status == CR_OK;
    block->writes = !block->shared || nodes->node.rank == 0;
    if (agree_to_share(par, status, &why) != CR_OK)
        snprintf(block->why_private, sizeof block->why_private, "%.199s", why.message);
    status = CR_OK;
    if (!block->shared) {
        unmap(block);
        block->bytes = cr_pages_alloc(n_bytes, 1);
        if (!block->bytes)
            status = cr_fail_memory(err, "a block of memory", n_bytes, 1);
    }
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    if (status != CR_OK)
        cr_par_block_free(block);
    return status;
}

/* Private pages come when they are written, and are there or end the process as any others do. */
cr_status cr_par_block_reserve(cr_par_block *block, size_t at, size_t n_bytes, cr_error *err)
{
    int error = 0;
    if (!block->shared || n_bytes == 0)
        return CR_OK;
    do
        error = posix_fallocate(block->fd, (off_t)at, (off_t)n_bytes);
    while (error == EINTR);
    if (error != 0)
        return cr_fail(err, CR_EINTERNAL,
                       "out of memory: %zu bytes that the ranks of a node share: %s", n_bytes,
                       strerror(error));
    return CR_OK;
}

void cr_par_block_discard(cr_par_block *block, const void *bytes, size_t n_bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)block->bytes;
    uintptr_t from = (uintptr_t)bytes, to = from + n_bytes;
    from = from < start ? start : (from + page - 1) / page * page;
    to = to > start + block->n_bytes ? start + block->n_bytes : to;
    to = to / page * page;
    /* Where it fails the memory stays, which does no harm. */
    if (from < to)
        madvise((char *)block->bytes + (from - start), to - from,
                block->shared ? MADV_REMOVE : MADV_DONTNEED);
}

cr_status cr_par_block_share(const cr_par *par, const cr_par_nodes *nodes, cr_par_block *block,
                             cr_error *err)
{
    cr_status status = CR_OK;
    if (block->writes)
        status = cr_par_block_reserve(block, 0, block->n_bytes, err);
    CR_TRY(cr_par_agree(par, status, err));
    if (nodes->node.rank == 0)
        status = cr_par_spread(&nodes->leaders, block->bytes, block->n_bytes, err);
    if (status == CR_OK && !block->shared)
        status = cr_par_spread(&nodes->node, block->bytes, block->n_bytes, err);
    CR_TRY(cr_par_agree(par, status, err));

cleanup:
    return status;
}

void cr_par_block_free(cr_par_block *block)
{
    if (block->shared)
        unmap(block);
    else
        cr_pages_free(block->bytes, block->n_bytes, 1);
    *block = (cr_par_block){0};
}
