/* A dataset of maps in somebody's HDF5 file, as `camrank score FILE.h5:DATASET` reads it.
 *
 * As in fuzz_results.c the input is not the file: it says what HDF5 is to make, any type, shape and
 * storage that a program can ask it for, with any bytes as values. */
#include "fuzz.h"

#include "camrank/maps.h"

#include <hdf5.h>
#include <string.h>
#include <sys/stat.h>

enum { N_IMAGES = 4, MAX_RANK = 5, MAX_BYTES = 1 << 16 };

static const char target[] = "elsewhere.h5"; /* a FIFO: who opens it waits for ever */

static hid_t take_bits(hid_t base, fuzz_stream *from)
{
    hid_t type = H5Tcopy(base);
    H5Tset_size(type, 1 + fuzz_take(from, 1) % 40);
    H5Tset_precision(type, fuzz_take(from, 1));
    H5Tset_offset(type, fuzz_take(from, 1));
    if (H5Tget_class(type) == H5T_FLOAT) {
        const size_t sign = fuzz_take(from, 1), at = fuzz_take(from, 1), size = fuzz_take(from, 1);
        H5Tset_fields(type, sign, at, size, 0, at);
        H5Tset_ebias(type, fuzz_take(from, 2));
    }
    H5Tset_order(type, fuzz_take(from, 1) & 1 ? H5T_ORDER_BE : H5T_ORDER_LE);
    return type;
}

static hid_t take_other(fuzz_stream *from)
{
    const hsize_t two[] = {2};
    hid_t type;
    switch (fuzz_take(from, 1) % 8) {
    case 0:
        type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, H5T_VARIABLE);
        return type;
    case 1:
        type = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(type, "a", 0, H5T_IEEE_F32LE);
        return type;
    case 2:
        return H5Tenum_create(H5T_STD_I32LE);
    case 3:
        return H5Tvlen_create(H5T_IEEE_F32LE);
    case 4:
        return H5Tarray_create2(H5T_IEEE_F32LE, 1, two);
    case 5:
        return H5Tcopy(H5T_STD_REF_OBJ);
    case 6:
        return H5Tcopy(H5T_STD_B16LE);
    default:
        return H5Tcreate(H5T_OPAQUE, 3);
    }
}

static hid_t take_type(fuzz_stream *from)
{
    switch (fuzz_take(from, 1) % 8) {
    case 0:
        return H5Tcopy(H5T_IEEE_F32LE);
    case 1:
        return H5Tcopy(H5T_IEEE_F64BE);
    case 2:
        return H5Tcopy(H5T_STD_U8LE);
    case 3:
        return H5Tcopy(H5T_STD_I64BE);
    case 4:
        return H5Tcopy(H5T_NATIVE_LDOUBLE);
    case 5:
        return take_bits(H5T_IEEE_F64LE, from);
    case 6:
        return take_bits(H5T_STD_I32LE, from);
    default:
        return take_other(from);
    }
}

static hid_t take_space(fuzz_stream *from)
{
    const uint32_t kind = fuzz_take(from, 1) % 16;
    hsize_t shape[MAX_RANK] = {N_IMAGES};
    int rank = 3;
    if (kind < 2)
        return H5Screate(kind ? H5S_NULL : H5S_SCALAR);
    if (kind < 4)
        rank = 1 + (int)(fuzz_take(from, 1) % MAX_RANK);
    for (int i = kind < 5 ? 0 : 1; i < rank; i++)
        shape[i] = fuzz_take(from, kind < 7 ? 4 : 1);
    return H5Screate_simple(rank, shape, NULL);
}

/* Late allocation, so that any size can be claimed. */
static hid_t take_storage(hid_t space, fuzz_stream *from)
{
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    const uint32_t kind = fuzz_take(from, 1) % 8, filters = fuzz_take(from, 1);
    const int rank = H5Sget_simple_extent_ndims(space);
    hsize_t chunk[MAX_RANK] = {0};
    H5Pset_alloc_time(properties, H5D_ALLOC_TIME_LATE);
    switch (kind) {
    case 0:
    case 1:
        break;
    case 2:
        H5Pset_layout(properties, H5D_COMPACT);
        H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
        break;
    case 3:
        H5Pset_external(properties, fuzz_path(target), 0, H5F_UNLIMITED);
        break;
    case 4:
        H5Pset_virtual(properties, space, fuzz_path(target), "maps", space);
        break;
    default:
        for (int i = 0; i < rank; i++)
            chunk[i] = fuzz_take(from, kind == 5 ? 4 : 1);
        H5Pset_chunk(properties, rank > 0 ? rank : 1, chunk);
        if (filters & 1)
            H5Pset_shuffle(properties);
        if (filters & 2)
            H5Pset_deflate(properties, 1);
        if (filters & 4)
            H5Pset_fletcher32(properties);
        if (filters & 8)
            H5Pset_nbit(properties);
        if (filters & 16)
            H5Pset_scaleoffset(properties, H5Z_SO_INT, (int)(filters >> 5));
    }
    return properties;
}

/* Behind other filters these read and write beyond HDF5's memory. */
static bool has_unsafe_filter(hid_t properties)
{
    for (int i = 0; i < H5Pget_nfilters(properties); i++) {
        size_t n_values = 0;
        unsigned flags;
        const H5Z_filter_t filter =
            H5Pget_filter2(properties, (unsigned)i, &flags, &n_values, NULL, 0, NULL, NULL);
        if (filter == H5Z_FILTER_NBIT || filter == H5Z_FILTER_SCALEOFFSET)
            return true;
    }
    return false;
}

/* What is left of the input, again and again; nothing for a large dataset, one elsewhere, or one that
 * HDF5 does not survive writing. */
static void fill(hid_t set, hid_t type, hid_t properties, fuzz_stream *from)
{
    const hid_t space = H5Dget_space(set);
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const size_t size = H5Tget_size(type);
    const bool is_plain = H5Tdetect_class(type, H5T_VLEN) == 0 && H5Tis_variable_str(type) == 0 &&
                          H5Tdetect_class(type, H5T_REFERENCE) == 0;
    const bool is_here =
        H5Pget_layout(properties) != H5D_VIRTUAL && H5Pget_external_count(properties) == 0;
    H5Sclose(space);
    if (n < 1 || !is_plain || !is_here || (size_t)n > MAX_BYTES / size || !from->n_left ||
        has_unsafe_filter(properties))
        return;
    if (H5Pget_layout(properties) == H5D_CHUNKED) {
        hsize_t chunk[MAX_RANK] = {0}, values = 1;
        const int rank = H5Pget_chunk(properties, MAX_RANK, chunk);
        for (int i = 0; i < rank; i++)
            values = values > MAX_BYTES || chunk[i] > MAX_BYTES ? MAX_BYTES + 1 : values * chunk[i];
        if (values > MAX_BYTES)
            return;
    }
    uint8_t *bytes = cr_alloc((size_t)n, size);
    FUZZ_CHECK(bytes);
    for (size_t i = 0; i < (size_t)n * size; i++)
        bytes[i] = from->next[i % from->n_left];
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
    free(bytes);
}

static void make_dataset(hid_t file, const char *name, fuzz_stream *from)
{
    const hid_t type = take_type(from), space = take_space(from);
    const hid_t properties = take_storage(space, from);
    const hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (set >= 0) {
        fill(set, type, properties, from);
        H5Dclose(set);
    }
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(type);
}

/* What is found under the name "maps". */
static void make_maps(hid_t file, fuzz_stream *from)
{
    switch (fuzz_take(from, 1) % 16) {
    case 0:
        H5Gclose(H5Gcreate2(file, "maps", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
        break;
    case 1:
        H5Lcreate_soft("maps", file, "maps", H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 2:
        H5Lcreate_soft("/other", file, "maps", H5P_DEFAULT, H5P_DEFAULT);
        make_dataset(file, "other", from);
        break;
    default:
        make_dataset(file, "maps", from);
    }
}

static void read_all(cr_maps *maps, const char *path)
{
    double sum = 0;
    for (int i = 0; i < N_IMAGES; i++) {
        const float *values;
        int width, height;
        cr_error err = {0};
        if (!fuzz_ok(cr_maps_read(maps, i, &values, &width, &height, &err), &err, path))
            break;
        FUZZ_CHECK(width >= 1 && height >= 1);
        for (size_t k = 0; k < (size_t)width * (size_t)height; k++)
            sum += values[k];
    }
    /* Only so that every number is read. */
    volatile double kept = sum;
    (void)kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    fuzz_stream from = {bytes, n_bytes};
    const cr_dataset data = {.n_images = N_IMAGES};
    char place[128];
    cr_maps *maps;
    cr_error err = {0};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    mkfifo(fuzz_path(target), 0600);
    const char *path = fuzz_path("made.h5");
    const hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    FUZZ_CHECK(file >= 0);
    make_maps(file, &from);
    FUZZ_CHECK(H5Fclose(file) >= 0);
    snprintf(place, sizeof place, "%s:maps", path);
    if (fuzz_ok(cr_maps_open(place, &data, &maps, &err), &err, path)) {
        read_all(maps, path);
        cr_maps_close(maps);
    }
    return 0;
}
