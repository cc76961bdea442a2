/* HDF5 beneath the file: attributes, types, and the innermost message of its error stack. Texts are
 * of fixed length, and what is read is checked for its type first. */
#include "internal.h"

#include "camrank/given_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cr_h5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5Lunregister(H5L_TYPE_EXTERNAL);
}

void cr_h5_close(hid_t id)
{
    if (id >= 0)
        H5Idec_ref(id);
}

cr_status cr_h5_open(const char *path, hid_t *file, cr_error *err)
{
    /* HDF5 would wait for a FIFO; O_NONBLOCK does not. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    *file = -1;
    if (fd < 0)
        return cr_fail(err, CR_EINPUT, "%s: %s", path, strerror(errno));
    bool regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    close(fd);
    if (!regular)
        return cr_fail(err, CR_EINPUT, "%s: not a regular file", path);
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (*file >= 0)
        return CR_OK;
    CR_OR_RETURN(cr_file_check_use(path, CR_FILE_RESULTS, err));
    return cr_h5_fail(err, CR_EINPUT, "%s: not a readable HDF5 file", path);
}

cr_status cr_h5_check_storage(hid_t properties, const char *file, const char *dataset,
                              cr_error *err)
{
    if (H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) != 0)
        return cr_fail(err, CR_EINPUT, "%s: dataset %s: its data lie in another file", file,
                       dataset);
    for (int i = 0; i < H5Pget_nfilters(properties); i++) {
        size_t n_values = 0;
        unsigned flags;
        char name[64] = "";
        const H5Z_filter_t filter = H5Pget_filter2(properties, (unsigned)i, &flags, &n_values, NULL,
                                                   sizeof name, name, NULL);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE &&
            filter != H5Z_FILTER_FLETCHER32)
            return cr_fail(err, CR_EINPUT,
                           "%s: dataset %s: is stored with the filter %s (number %d), which "
                           "cannot be read safely: store it anew with `h5repack -f GZIP=4`",
                           file, dataset, name, (int)filter);
    }
    return CR_OK;
}

static herr_t keep_innermost(unsigned n, const H5E_error2_t *entry, void *text)
{
    if (n == 0 && entry->desc)
        snprintf(text, sizeof((cr_error *)0)->message, "%s", entry->desc);
    return 0;
}

/* "file write failed: time = ..., errno = 28, error message = 'No space left on device', buf = ...",
 * as HDF5's own driver says it, becomes "file write failed: No space left on device"; what MPI's
 * says, "file write failed", does not tell, but the system still knows. */
static void name_cause(char *reason, size_t n_bytes, int system)
{
    static const char mark[] = "error message = '";
    static const int causes[] = {ENOSPC, EDQUOT, EFBIG, EIO, EROFS, ESTALE};
    char *details = strstr(reason, ": time = "), *why = strstr(reason, mark);
    if (!details)
        details = strstr(reason, ", errno = ");
    if (details && why > details) {
        why += strlen(mark);
        const size_t length = strcspn(why, "'");
        details[0] = ':';
        memmove(details + 2, why, length);
        details[2 + length] = 0;
        return;
    }
    const size_t used = strlen(reason);
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++)
        if (system == causes[i])
            snprintf(reason + used, n_bytes - used, ": %s", strerror(system));
}

cr_status cr_h5_fail(cr_error *err, cr_status status, const char *format, ...)
{
    const int system = errno;
    char reason[sizeof((cr_error *)0)->message] = "HDF5 gives no reason";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    name_cause(reason, sizeof reason, system);
    char text[sizeof((cr_error *)0)->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return cr_fail(err, status, "%s: %s", text, reason);
}

hid_t cr_h5_float16(void)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    /* Sign at bit 15, 5 bits of exponent from bit 10, 10 bits of mantissa from bit 0. They must lie
     * inside the type at every step, so they move before the size shrinks. */
    if (type >= 0 && (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 ||
                      H5Tset_ebias(type, 15) < 0)) {
        cr_h5_close(type);
        return -1;
    }
    return type;
}

bool cr_h5_number(hid_t type, cr_number *of)
{
    const hid_t half = cr_h5_float16();
    const struct {
        hid_t type;
        cr_number_kind kind;
    } known[] = {
        {H5T_STD_I8LE, CR_NUMBER_SIGNED},
        {H5T_STD_I16LE, CR_NUMBER_SIGNED},
        {H5T_STD_I32LE, CR_NUMBER_SIGNED},
        {H5T_STD_I64LE, CR_NUMBER_SIGNED},
        {H5T_STD_U8LE, CR_NUMBER_UNSIGNED},
        {H5T_STD_U16LE, CR_NUMBER_UNSIGNED},
        {H5T_STD_U32LE, CR_NUMBER_UNSIGNED},
        {H5T_STD_U64LE, CR_NUMBER_UNSIGNED},
        {half, CR_NUMBER_FLOAT},
        {H5T_IEEE_F32LE, CR_NUMBER_FLOAT},
        {H5T_IEEE_F64LE, CR_NUMBER_FLOAT},
    };
    const H5T_order_t order = H5Tget_order(type);
    const hid_t little = H5Tcopy(type);
    bool is = false;
    if ((order == H5T_ORDER_LE || order == H5T_ORDER_BE) && H5Tset_order(little, H5T_ORDER_LE) >= 0)
        for (size_t i = 0; !is && i < sizeof known / sizeof *known; i++) {
            is = H5Tequal(little, known[i].type) > 0;
            *of = (cr_number){known[i].kind, (int)H5Tget_size(type), order == H5T_ORDER_BE};
        }
    cr_h5_close(little);
    cr_h5_close(half);
    return is;
}

hid_t cr_h5_string(size_t bytes, H5T_str_t padding)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, bytes) < 0 || H5Tset_cset(type, H5T_CSET_UTF8) < 0 ||
                      H5Tset_strpad(type, padding) < 0)) {
        cr_h5_close(type);
        return -1;
    }
    return type;
}

static cr_status put(cr_h5_at at, const char *name, hid_t type, const void *value, cr_error *err)
{
    cr_status status = CR_OK;
    hid_t attribute = -1, space = H5Screate(H5S_SCALAR);
    if (space >= 0)
        attribute = H5Acreate2(at.id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, type, value) < 0)
        status = cr_h5_fail(err, CR_EIO, "%s: %s: attribute `%s`", at.file, at.place, name);
    cr_h5_close(attribute);
    cr_h5_close(space);
    return status;
}

/* Of fixed length: HDF5 1.10 trusts what a damaged file says about texts of variable length, and
 * crashes. The price is that h5py gives bytes. */
cr_status cr_h5_put_text(cr_h5_at at, const char *name, const char *text, cr_error *err)
{
    const size_t length = strlen(text);
    if (length > CR_MAX_ATTRIBUTE_BYTES)
        return cr_fail(err, CR_EINPUT, "%s: %s: `%s` has %zu bytes, more than the limit of %d",
                       at.file, at.place, name, length, CR_MAX_ATTRIBUTE_BYTES);
    hid_t type = cr_h5_string(length ? length : 1, H5T_STR_NULLPAD);
    cr_status status = put(at, name, type, text, err);
    cr_h5_close(type);
    return status;
}

cr_status cr_h5_put_int(cr_h5_at at, const char *name, int value, cr_error *err)
{
    return put(at, name, H5T_STD_I32LE, &value, err);
}

cr_status cr_h5_put_double(cr_h5_at at, const char *name, double value, cr_error *err)
{
    return put(at, name, H5T_IEEE_F64LE, &value, err);
}

static cr_status wrong_type(cr_h5_at at, const char *name, H5T_class_t class, cr_error *err)
{
    return cr_fail(err, CR_EINPUT, "%s: %s: attribute `%s` is not %s", at.file, at.place, name,
                   class == H5T_STRING    ? "one text of fixed length"
                   : class == H5T_INTEGER ? "one integer"
                                          : "one floating-point number");
}

/* Opens a scalar attribute of the given class, and its type. The caller closes both. */
static cr_status open_attribute(cr_h5_at at, const char *name, H5T_class_t class, hid_t *attribute,
                                hid_t *type, cr_error *err)
{
    cr_status status = CR_OK;
    hid_t space = -1;
    *attribute = *type = -1;
    if (H5Aexists(at.id, name) <= 0)
        return cr_fail(err, CR_EINPUT, "%s: %s: no attribute `%s`", at.file, at.place, name);
    *attribute = H5Aopen(at.id, name, H5P_DEFAULT);
    if (*attribute >= 0) {
        *type = H5Aget_type(*attribute);
        space = H5Aget_space(*attribute);
    }
    if (*type < 0 || space < 0)
        status = cr_h5_fail(err, CR_EINPUT, "%s: %s: attribute `%s`", at.file, at.place, name);
    else if (H5Tget_class(*type) != class || H5Sget_simple_extent_type(space) != H5S_SCALAR ||
             (class == H5T_STRING && H5Tis_variable_str(*type) != 0))
        status = wrong_type(at, name, class, err);
    cr_h5_close(space);
    return status;
}

/* Reads a number as it lies in the file. */
static cr_status get_number(cr_h5_at at, const char *name, H5T_class_t class, cr_number *of,
                            uint8_t bytes[sizeof(double)], cr_error *err)
{
    hid_t attribute, type;
    cr_status status = open_attribute(at, name, class, &attribute, &type, err);
    if (status == CR_OK && !cr_h5_number(type, of))
        status = wrong_type(at, name, class, err);
    if (status == CR_OK && H5Aread(attribute, type, bytes) < 0)
        status = cr_h5_fail(err, CR_EINPUT, "%s: %s: attribute `%s`", at.file, at.place, name);
    cr_h5_close(type);
    cr_h5_close(attribute);
    return status;
}

cr_status cr_h5_get_int(cr_h5_at at, const char *name, int *value, cr_error *err)
{
    cr_number of;
    uint8_t bytes[sizeof(double)];
    const cr_status status = get_number(at, name, H5T_INTEGER, &of, bytes, err);
    if (status != CR_OK)
        return status;
    return cr_number_to_int(of, bytes, value)
               ? CR_OK
               : cr_fail(err, CR_EINPUT, "%s: %s: attribute `%s` is too large", at.file, at.place,
                         name);
}

cr_status cr_h5_get_double(cr_h5_at at, const char *name, double *value, cr_error *err)
{
    cr_number of;
    uint8_t bytes[sizeof(double)];
    const cr_status status = get_number(at, name, H5T_FLOAT, &of, bytes, err);
    if (status == CR_OK)
        *value = cr_number_to_float64(of, bytes);
    return status;
}

cr_status cr_h5_dup_text(cr_h5_at at, const char *name, char **text, cr_error *err)
{
    cr_status status = CR_OK;
    hid_t attribute, type, longer = -1;
    *text = NULL;
    CR_TRY(open_attribute(at, name, H5T_STRING, &attribute, &type, err));
    const size_t bytes = H5Tget_size(type);
    if (bytes > CR_MAX_ATTRIBUTE_BYTES)
        CR_TRY(cr_fail(err, CR_EINPUT, "%s: %s: attribute `%s` is longer than %d bytes", at.file,
                       at.place, name, CR_MAX_ATTRIBUTE_BYTES));
    *text = cr_alloc(bytes + 1, 1);
    if (!*text)
        CR_TRY(cr_fail_memory(err, name, bytes + 1, 1));
    longer = cr_h5_string(bytes + 1, H5T_STR_NULLTERM);
    if (longer < 0 || H5Aread(attribute, longer, *text) < 0) {
        status = cr_h5_fail(err, CR_EINPUT, "%s: %s: attribute `%s`", at.file, at.place, name);
        free(*text);
        *text = NULL;
    }

cleanup:
    cr_h5_close(longer);
    cr_h5_close(type);
    cr_h5_close(attribute);
    return status;
}

cr_status cr_h5_get_text(cr_h5_at at, const char *name, char *text, size_t bytes, cr_error *err)
{
    char *read;
    cr_status status = cr_h5_dup_text(at, name, &read, err);
    if (status == CR_OK && strlen(read) >= bytes)
        status = cr_fail(err, CR_EINPUT, "%s: %s: attribute `%s` is longer than %zu bytes", at.file,
                         at.place, name, bytes - 1);
    if (status == CR_OK)
        memcpy(text, read, strlen(read) + 1);
    free(read);
    return status;
}

cr_status cr_h5_get_word(cr_h5_at at, const char *name, const char *const *words, int n_words,
                         int *word, cr_error *err)
{
    char text[64];
    cr_status status = cr_h5_get_text(at, name, text, sizeof text, err);
    if (status != CR_OK)
        return status;
    for (*word = 0; *word < n_words; ++*word)
        if (strcmp(text, words[*word]) == 0)
            return CR_OK;
    return cr_fail(err, CR_EINPUT, "%s: %s: attribute `%s` is `%s`, which is unknown", at.file,
                   at.place, name, text);
}
