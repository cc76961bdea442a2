/* Memory that the ranks of a node share, and what happens where it cannot be shared. */
#include "harness.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { N = 300007, LAYOUT = 5 };

static int64_t pattern(int i)
{
    return (int64_t)i * 2654435761 % 1000003;
}

/* Elements of the block that are not as written. */
static int count_wrong(const cr_par_block *block)
{
    const int64_t *values = block->bytes;
    int wrong = 0;
    for (int i = 0; values && i < N; i++)
        wrong += values[i] != pattern(i);
    return values ? wrong : N;
}

static void fill(const cr_par_block *block)
{
    int64_t *values = block->bytes;
    for (int i = 0; i < N; i++)
        values[i] = pattern(i);
}

/* `n_ranks` a node, 0: as MPI says. */
static void init(const cr_par *par, cr_par_nodes *nodes, int n_ranks)
{
    cr_error err = {0};
    char text[16];
    snprintf(text, sizeof text, "%d", n_ranks);
    setenv("CAMRANK_NODE_RANKS", text, 1);
    CHECK_OK(cr_par_nodes_init(nodes, par, &err), &err);
}

static void nodes_of_one_machine_are_one_led_by_rank_0(const cr_par *par)
{
    cr_par_nodes nodes;
    init(par, &nodes, 0);
    CHECK_EQUAL(nodes.n_nodes, 1);
    CHECK_EQUAL(nodes.node.rank, par->rank);
    CHECK_EQUAL(nodes.node.size, par->size);
    CHECK_EQUAL(nodes.leaders.comm != MPI_COMM_NULL, par->rank == 0);
    cr_par_nodes_fini(&nodes);
}

static void nodes_of_two_ranks_have_a_leader_each(const cr_par *par)
{
    cr_par_nodes nodes;
    init(par, &nodes, 2);
    CHECK_EQUAL(nodes.n_nodes, (par->size + 1) / 2);
    CHECK_EQUAL(nodes.node.rank, par->rank % 2);
    CHECK_EQUAL(nodes.leaders.comm != MPI_COMM_NULL, par->rank % 2 == 0);
    if (par->rank % 2 == 0) {
        CHECK_EQUAL(nodes.leaders.rank, par->rank / 2);
        CHECK_EQUAL(nodes.leaders.size, nodes.n_nodes);
    }
    cr_par_nodes_fini(&nodes);
}

static void block_that_a_node_shares_is_written_once_and_read_by_all(const cr_par *par)
{
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    init(par, &nodes, 0);
    CHECK_OK(cr_par_block_new(par, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
    CHECK_TEXT(block.why_private, "");
    CHECK_EQUAL(block.shared, par->size > 1);
    CHECK_EQUAL(block.writes, par->rank == 0);
    CHECK_EQUAL((uintptr_t)block.bytes % 64, 0);
    CHECK_EQUAL(((const int64_t *)block.bytes)[N - 1], 0);
    CHECK_OK(cr_par_agree(par, CR_OK, &err), &err);
    if (block.writes) {
        CHECK_OK(cr_par_block_reserve(&block, 0, block.n_bytes, &err), &err);
        fill(&block);
    }
    CHECK_OK(cr_par_agree(par, CR_OK, &err), &err);
    CHECK_EQUAL(count_wrong(&block), 0);
    cr_par_block_free(&block);
    cr_par_nodes_fini(&nodes);
}

/* Bytes of this machine's memory that a block takes, on a rank that writes it. */
static int64_t resident(const cr_par_block *block)
{
    enum { MOST = 4096 };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), n = (block->n_bytes + page - 1) / page;
    unsigned char pages[MOST];
    struct stat info;
    int64_t n_there = 0;
    if (block->shared)
        return fstat(block->fd, &info) == 0 ? (int64_t)info.st_blocks * 512 : -1;
    CHECK(n <= MOST && mincore(block->bytes, block->n_bytes, pages) == 0);
    for (size_t i = 0; i < n; i++)
        n_there += pages[i] & 1;
    return n_there * (int64_t)page;
}

/* Shared, or, over nodes of one rank, private. */
static void memory_is_there_once_reserved_and_until_discarded(const cr_par *par)
{
    cr_error err = {0};
    for (int n_ranks = 0; n_ranks <= 1; n_ranks++) {
        const int64_t page = sysconf(_SC_PAGESIZE), n_page = page / (int64_t)sizeof(int64_t);
        cr_par_nodes nodes;
        cr_par_block block;
        init(par, &nodes, n_ranks);
        CHECK_OK(cr_par_block_new(par, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
        if (block.writes) {
            const int64_t *values = block.bytes;
            CHECK_EQUAL(resident(&block), 0);
            CHECK_OK(cr_par_block_reserve(&block, (size_t)page, 2 * (size_t)page, &err), &err);
            CHECK_EQUAL(resident(&block), block.shared ? 2 * page : 0);
            fill(&block);
            const int64_t whole = resident(&block);
            CHECK(whole >= N * (int64_t)sizeof(int64_t));
            /* Of four pages two are whole. */
            cr_par_block_discard(&block, values + n_page + 1, 3 * (size_t)page);
            CHECK_EQUAL(whole - resident(&block), 2 * page);
            CHECK_EQUAL(values[2 * n_page - 1], pattern((int)(2 * n_page - 1)));
            CHECK_EQUAL(values[2 * n_page], 0);
            CHECK_EQUAL(values[4 * n_page], pattern((int)(4 * n_page)));
            cr_par_block_discard(&block, &err, sizeof err);
            CHECK_EQUAL(values[N - 1], pattern(N - 1));
        }
        CHECK_OK(cr_par_agree(par, CR_OK, &err), &err);
        cr_par_block_free(&block);
        cr_par_nodes_fini(&nodes);
    }
}

static void memory_that_cannot_be_had_is_said(const cr_par *par)
{
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    init(par, &nodes, 0);
    CHECK_OK(cr_par_block_new(par, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
    if (block.shared && block.writes) {
        CHECK_EQUAL(cr_par_block_reserve(&block, SIZE_MAX / 2, SIZE_MAX / 2, &err), CR_EINTERNAL);
        CHECK(strstr(err.message, "bytes that the ranks of a node share: "));
    }
    CHECK_OK(cr_par_agree(par, CR_OK, &err), &err);
    cr_par_block_free(&block);
    cr_par_nodes_fini(&nodes);
}

static void block_of_another_rank_cannot_be_written(const cr_par *par)
{
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    init(par, &nodes, 0);
    CHECK_OK(cr_par_block_new(par, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
    if (!block.writes) {
        /* read() into it fails where a store would end the process. */
        int fd = open("/dev/zero", O_RDONLY);
        CHECK(fd >= 0 && read(fd, block.bytes, 1) < 0);
        close(fd);
    }
    cr_par_block_free(&block);
    cr_par_nodes_fini(&nodes);
}

/* Rank 0's to everyone: over nodes of one, two, and all ranks. */
static void share_gives_what_rank_0_wrote_to_every_node(const cr_par *par)
{
    cr_error err = {0};
    for (int n_ranks = 0; n_ranks <= 3; n_ranks++) {
        cr_par_nodes nodes;
        cr_par_block block;
        init(par, &nodes, n_ranks);
        CHECK_OK(cr_par_block_new(par, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
        if (par->rank == 0)
            fill(&block);
        CHECK_OK(cr_par_block_share(par, &nodes, &block, &err), &err);
        CHECK_EQUAL(count_wrong(&block), 0);
        cr_par_block_free(&block);
        cr_par_nodes_fini(&nodes);
    }
}

/* What all ranks have to see where a node of several ranks cannot share: a block for each. */
static void check_private(const cr_par *par, const cr_par_nodes *nodes, cr_par_block *block,
                          const char *why)
{
    cr_error err = {0};
    CHECK(!block->shared);
    CHECK(block->writes);
    CHECK(par->size == 1 || strstr(block->why_private, why));
    if (!strstr(block->why_private, why) && par->size > 1)
        fprintf(stderr, "it says: %s\n", block->why_private);
    if (par->rank == 0)
        fill(block);
    CHECK_OK(cr_par_block_share(par, nodes, block, &err), &err);
    CHECK_EQUAL(count_wrong(block), 0);
    cr_par_block_free(block);
}

static void block_larger_than_the_limit_on_files_is_private_and_says_so(const cr_par *par)
{
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    struct rlimit before;
    init(par, &nodes, 0);
    getrlimit(RLIMIT_FSIZE, &before);
    const struct rlimit small = {1 << 20, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    CHECK_OK(cr_par_block_new(par, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
    setrlimit(RLIMIT_FSIZE, &before);
    check_private(par, &nodes, &block, "the limit on file sizes (ulimit -f) is below");
    cr_par_nodes_fini(&nodes);
}

static void block_that_one_rank_cannot_open_is_private_on_all(const cr_par *par)
{
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    struct rlimit before;
    const int bad = par->size - 1;
    init(par, &nodes, 0);
    getrlimit(RLIMIT_NOFILE, &before);
    const struct rlimit none = {0, before.rlim_max};
    if (par->rank == bad)
        setrlimit(RLIMIT_NOFILE, &none);
    CHECK_OK(cr_par_block_new(par, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
    setrlimit(RLIMIT_NOFILE, &before);
    char why[32];
    snprintf(why, sizeof why, "rank %d: ", bad);
    check_private(par, &nodes, &block, why);
    cr_par_nodes_fini(&nodes);
}

static void block_of_other_size_or_layout_on_one_rank_is_private_on_all(const cr_par *par)
{
    cr_error err = {0};
    const bool other = par->rank == par->size - 1;
    for (int i = 0; i < 2; i++) {
        cr_par_nodes nodes;
        cr_par_block block;
        init(par, &nodes, 0);
        size_t n_bytes = N * sizeof(int64_t) + (other && i == 0 ? 64 : 0);
        uint64_t layout = other && i == 1 ? LAYOUT + 1 : LAYOUT;
        CHECK_OK(cr_par_block_new(par, &nodes, n_bytes, layout, &block, &err), &err);
        block.n_bytes = N * sizeof(int64_t);
        check_private(par, &nodes, &block, "it would differ from that of the node's first rank");
        cr_par_nodes_fini(&nodes);
    }
}

static void block_that_one_rank_has_no_memory_for_fails_on_all(const cr_par *par)
{
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    const size_t n_bytes = (size_t)1 << 30;
    struct rlimit before;
    init(par, &nodes, 1);
    getrlimit(RLIMIT_AS, &before);
    const struct rlimit none = {1 << 20, before.rlim_max};
    if (par->rank == par->size - 1)
        setrlimit(RLIMIT_AS, &none);
    CHECK_EQUAL(cr_par_block_new(par, &nodes, n_bytes, LAYOUT, &block, &err), CR_EINTERNAL);
    setrlimit(RLIMIT_AS, &before);
    CHECK(strstr(err.message, "out of memory: a block of memory needs 1073741824 x 1 bytes"));
    CHECK(!block.bytes);
    cr_par_nodes_fini(&nodes);
}

static void block_of_nothing_can_be_had(const cr_par *par)
{
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    init(par, &nodes, 0);
    CHECK_OK(cr_par_block_new(par, &nodes, 0, LAYOUT, &block, &err), &err);
    CHECK(block.bytes != NULL);
    CHECK_OK(cr_par_block_share(par, &nodes, &block, &err), &err);
    cr_par_block_free(&block);
    cr_par_nodes_fini(&nodes);
}

static void process_alone_needs_no_mpi(const cr_par *par)
{
    const cr_par alone = cr_par_alone();
    cr_par_nodes nodes;
    cr_par_block block;
    cr_error err = {0};
    (void)par;
    CHECK_OK(cr_par_nodes_init(&nodes, &alone, &err), &err);
    CHECK_EQUAL(nodes.n_nodes, 1);
    CHECK_OK(cr_par_block_new(&alone, &nodes, N * sizeof(int64_t), LAYOUT, &block, &err), &err);
    CHECK(block.writes && !block.shared);
    fill(&block);
    CHECK_OK(cr_par_block_share(&alone, &nodes, &block, &err), &err);
    CHECK_EQUAL(count_wrong(&block), 0);
    cr_par_block_free(&block);
    cr_par_nodes_fini(&nodes);
    CHECK_EQUAL(cr_par_agree(&alone, CR_EIO, &err), CR_EIO);
    CHECK_EQUAL(cr_par_follow(&alone, CR_EINPUT, &err), CR_EINPUT);
}

static void max_is_that_of_all_ranks(const cr_par *par)
{
    cr_error err = {0};
    int64_t values[2] = {par->rank, -(int64_t)par->rank * ((int64_t)1 << 40)};
    CHECK_OK(cr_par_max(par, values, 2, &err), &err);
    CHECK_EQUAL(values[0], par->size - 1);
    CHECK_EQUAL(values[1], 0);
}

int main(int argc, char **argv)
{
    const harness_case cases[] = {
        HARNESS_CASE(nodes_of_one_machine_are_one_led_by_rank_0),
        HARNESS_CASE(nodes_of_two_ranks_have_a_leader_each),
        HARNESS_CASE(block_that_a_node_shares_is_written_once_and_read_by_all),
        HARNESS_CASE(memory_is_there_once_reserved_and_until_discarded),
        HARNESS_CASE(memory_that_cannot_be_had_is_said),
        HARNESS_CASE(block_of_another_rank_cannot_be_written),
        HARNESS_CASE(share_gives_what_rank_0_wrote_to_every_node),
        HARNESS_CASE(block_larger_than_the_limit_on_files_is_private_and_says_so),
        HARNESS_CASE(block_that_one_rank_cannot_open_is_private_on_all),
        HARNESS_CASE(block_of_other_size_or_layout_on_one_rank_is_private_on_all),
        HARNESS_CASE(block_that_one_rank_has_no_memory_for_fails_on_all),
        HARNESS_CASE(block_of_nothing_can_be_had),
        HARNESS_CASE(process_alone_needs_no_mpi),
        HARNESS_CASE(max_is_that_of_all_ranks),
    };
    return harness_run(argc, argv, cases, (int)(sizeof cases / sizeof cases[0]));
}
