/* The `camrank` command: finds the subcommand, starts MPI if it needs it, prints what failed. */
#include "camrank/kernels.h"
#include "camrank/near.h"
#include "driver/command/command.h"
#include "launcher.h"
#include "session.h"

#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* About what Open MPI takes as it starts; where it gets less it ends the program in its own way. */
enum { MPI_BYTES = 64 << 20 };

static const cr_command *const commands[] = {
    &cr_command_explain, &cr_command_init,     &cr_command_run,
    &cr_command_check,   &cr_command_report,   &cr_command_compare,
    &cr_command_plot,    &cr_command_patterns, &cr_command_show,
    &cr_command_inspect, &cr_command_merge,    &cr_command_score,
    &cr_command_export,  &cr_command_methods,  &cr_command_metrics,
    &cr_command_layouts, &cr_command_inputs,   NULL};

static void print_help(void)
{
    printf("camrank measures how well a classification network localizes objects.\n\n"
           "usage: camrank COMMAND ... [-h | --help]\n\n");
    for (int i = 0; commands[i]; i++)
        printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
    printf("\n  help [COMMAND]\n             this list, or what COMMAND --help says\n"
           "  -V, --version\n             versions of the program and of its libraries\n\n"
           "exit codes:\n");
#define PRINT_STATUS(code, exit_code, text) printf("  %2d  %s\n", exit_code, text);
    CR_STATUS_LIST(PRINT_STATUS)
#undef PRINT_STATUS
}

/* And by what numbers of each precision are multiplied here. */
static void print_version(const char *libraries)
{
    printf("camrank %s\n%s\n", CR_VERSION, libraries);
    for (int p = 0; p < CR_N_PRECISIONS; p++) {
        const char *isa = cr_precision_isa((cr_precision)p);
        printf("%s%s %s%s", p ? ", " : "precisions: ", cr_precision_names[p], isa[0] ? "by " : "",
               isa[0] ? isa : "in float32 of rounded numbers");
    }
    printf("\n");
}

static void print_error(const cr_error *err)
{
    fprintf(stderr, "camrank: %s\n", err->message);
}

/* A variable with a value that means nothing would be passed over in silence. */
static cr_status check_environment(cr_error *err)
{
    CR_OR_RETURN(cr_kernels_check_isa(err));
    CR_OR_RETURN(cr_par_check_nodes(err));
    return cr_par_check_fault(err);
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* After a failed write HDF5 may hang or crash when MPI is finalized, and after a failed message the
 * other ranks may be waiting. Rank 0 speaks for all where they have agreed on the failure; a rank
 * that failed alone speaks when rank 0 has not ended it meanwhile. Does not return. */
static void end_at_once(const cr_par *par, const cr_error *err)
{
    if (par->rank != 0)
        sleep(2);
    print_error(err);
    if (par->size > 1)
        MPI_Abort(MPI_COMM_WORLD, cr_status_exit_code(CR_EIO));
    _exit(cr_status_exit_code(CR_EIO));
}

/* A command with MPI. Ranks have agreed on what failed, so that rank 0 speaks for all. */
static cr_status run_with_mpi(const cr_command *command, int argc, char **argv, cr_error *err)
{
    const cr_launch launch = cr_launch_read();
    cr_par par;
    int threads;
    if (!cr_memory_is_there(MPI_BYTES)) {
        cr_fail(err, CR_EINTERNAL,
                "out of memory: MPI needs %d MB of address space; see `ulimit -v`",
                MPI_BYTES / 1000000);
        print_error(err);
        return err->status;
    }
    /* One thread calls MPI; worker/ahead.c has another. */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &threads) != MPI_SUCCESS ||
        threads < MPI_THREAD_FUNNELED)
        return cr_fail(err, CR_EIO, "MPI could not be started");
    cr_status status = cr_par_init(&par, MPI_COMM_WORLD, err);
    if (status == CR_OK) {
        status = cr_launch_check(&launch, &par, err);
        const bool alone = status != CR_OK; /* each of them is rank 0 of its own world */
        if (status == CR_OK)
            status = command->run(&par, argc, argv, err);
        if (status == CR_EIO)
            end_at_once(&par, err);
        if (status != CR_OK && par.rank == 0 && (!alone || launch.first))
            print_error(err);
        cr_par_fini(&par);
    } else
        print_error(err);
    MPI_Finalize();
    return status;
}

/* A command without MPI, of which a launcher may have started several: one works, as if it were alone. */
static cr_status run_alone(const cr_command *command, const cr_launch *launch, int argc,
                           char **argv, cr_error *err)
{
    if (!launch->first)
        return CR_OK;
    if (launch->n_started > 1)
        fprintf(stderr, "camrank: %s works in one process; of the %d that were started %s idle\n",
                command->name, launch->n_started,
                launch->n_started == 2 ? "one stays" : "the others stay");
    return command->run(NULL, argc, argv, err);
}

int main(int argc, char **argv)
{
    /* A write beyond a file-size limit is an error like others. */
    signal(SIGXFSZ, SIG_IGN);
    /* Nor is a reader that goes away, as `head` does, before all is printed: results are not lost by it. */
    signal(SIGPIPE, SIG_IGN);
    /* A results file is locked by its companion (core/results/lock.c), and read without any lock: HDF5's
     * own locks fail on file systems that have none. It reads this as it starts. */
    setenv("HDF5_USE_FILE_LOCKING", "FALSE", 0);
    const cr_launch launch = cr_launch_read();
    const char *name = argc > 1 ? argv[1] : "";
    const bool helps = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (helps && argc == 2)) {
        if (launch.first)
            print_help();
        return 0;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        char libraries[512];
        cr_error fault;
        if (cr_session_libraries(CR_FLOAT32, libraries, sizeof libraries, &fault) != CR_OK) {
            print_error(&fault);
            return cr_status_exit_code(fault.status);
        }
        if (launch.first)
            print_version(libraries);
        return 0;
    }
    const cr_command *command = NULL;
    cr_near near;
    name = helps ? argv[2] : name;
    cr_near_begin(&near, name);
    cr_near_add(&near, "help", strlen("help"));
    for (int i = 0; commands[i]; i++) {
        cr_near_add(&near, commands[i]->name, strlen(commands[i]->name));
        if (strcmp(commands[i]->name, name) == 0)
            command = commands[i];
    }
    cr_error err = {0};
    cr_status status;
    if (argc < 2)
        status = cr_fail(&err, CR_EUSAGE, "a command is missing; see camrank --help");
    else if (!command)
        status = cr_fail(&err, CR_EUSAGE, "unknown command \"%s\"%s; see camrank --help", name,
                         cr_near_text(&near));
    else if (helps || asks_for_help(argc - 1, argv + 1)) {
        if (launch.first)
            printf("%s", command->help);
        return 0;
    } else if ((status = check_environment(&err)) == CR_OK && command->uses_mpi)
        return cr_status_exit_code(run_with_mpi(command, argc - 1, argv + 1, &err));
    else if (status == CR_OK)
        status = run_alone(command, &launch, argc - 1, argv + 1, &err);
    if (status != CR_OK && launch.first)
        print_error(&err);
    else if (status != CR_OK)
        sleep(
            1); /* a launcher ends all ranks as soon as one has failed: not before it has spoken */
    return cr_status_exit_code(status);
}
