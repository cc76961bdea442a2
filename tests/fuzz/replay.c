/* replay.c - runs a fuzz target over files, without libFuzzer. usage: TARGET FILE...
 *
 * No input may make it take a gibibyte: where AddressSanitizer does not take the address space for
 * itself, that is its limit. */
#include "fuzz.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MORE_BYTES ((rlim_t)1 << 30)
#define MAX_CPU_SECONDS 60

static void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    FUZZ_CHECK(file && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    const rlim_t now = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
    FUZZ_CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){now + MORE_BYTES, now + MORE_BYTES}) == 0);
#endif
}

int main(int argc, char **argv)
{
    bool is_limited = false;
    for (int i = 1; i < argc; i++) {
        uint8_t *bytes;
        size_t n_bytes;
        cr_error err = {0};
        if (cr_file_read(argv[i], (size_t)1 << 24, &bytes, &n_bytes, &err) != CR_OK) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        fprintf(stderr, "%s\n", argv[i]);
        const clock_t start = clock();
        LLVMFuzzerTestOneInput(bytes, n_bytes);
        FUZZ_CHECK((clock() - start) / CLOCKS_PER_SEC <= MAX_CPU_SECONDS);
        free(bytes);
        /* What the libraries take for themselves once, they have by now. */
        if (!is_limited)
            limit_memory();
        is_limited = true;
    }
    printf("%d inputs\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
