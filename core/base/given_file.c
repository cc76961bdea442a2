/* Files are easily given in another's place: a job where results are wanted, a network where a job is. */
#include "camrank/given_file.h"
#include "camrank/new_file.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Endings count where the first bytes say nothing. */
static const struct ending {
    const char *text;
    cr_file_use use;
} endings[] = {{".yaml", CR_FILE_JOB},
               {".yml", CR_FILE_JOB},
               {".onnx", CR_FILE_NETWORK},
               {".prototxt", CR_FILE_NETWORK},
               {".caffemodel", CR_FILE_NETWORK}};

static const char *const names[CR_FILE_N_USES] = {"a job", "an HDF5 file", "a network", "an image"};

static const char *const wanted_names[CR_FILE_N_USES] = {"a job", "a results file", "a network",
                                                         "an image"};

/* [wanted][is] what to do. */
static const char *const remedies[CR_FILE_N_USES][CR_FILE_N_USES] = {
    [CR_FILE_JOB] = {[CR_FILE_RESULTS] = "if it holds results, camrank report prints their table",
                     [CR_FILE_NETWORK] = "camrank init writes a job for it",
                     [CR_FILE_IMAGE] = "give the .yaml file"},
    [CR_FILE_RESULTS] = {[CR_FILE_JOB] =
                             "camrank run computes it, and its key `output` names the results file",
                         [CR_FILE_NETWORK] = "give the .h5 file that camrank run wrote",
                         [CR_FILE_IMAGE] = "give the .h5 file that camrank run wrote"},
    [CR_FILE_NETWORK] = {[CR_FILE_JOB] =
                             "give the model that it names (models.file), or camrank run the job",
                         [CR_FILE_RESULTS] = "give the model's file",
                         [CR_FILE_IMAGE] = "the model's file stands first, images behind it"},
};

static bool begins_with(const char *bytes, size_t n, const char *start)
{
    return n >= strlen(start) && memcmp(bytes, start, strlen(start)) == 0;
}

static bool use_of(const char *path, cr_file_use *use)
{
    char bytes[CR_KIND_BYTES];
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const ssize_t got = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
    const size_t n = got < 0 ? 0 : (size_t)got;
    const char *ending = strrchr(path, '.');
    if (fd >= 0)
        close(fd);
    if (n == 0)
        return false;
    if (begins_with(bytes, n, "\x89HDF\r\n\x1a\n")) {
        *use = CR_FILE_RESULTS;
        return true;
    }
    if (cr_file_is_png(bytes, n) || begins_with(bytes, n, "\xff\xd8\xff")) {
        *use = CR_FILE_IMAGE;
        return true;
    }
    for (size_t i = 0; ending && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(ending, endings[i].text) == 0) {
            *use = endings[i].use;
            return true;
        }
    return false;
}

cr_status cr_file_check_use(const char *path, cr_file_use wanted, cr_error *err)
{
    cr_file_use use;
    if (!use_of(path, &use) || use == wanted)
        return CR_OK;
    return cr_fail(err, CR_EINPUT, "%s: is %s, not %s: %s", path, names[use], wanted_names[wanted],
                   remedies[wanted][use]);
}
