/* pack.c - items of a column as they lie in memory, and as they lie in the file. */
#include "internal.h"

#include <string.h>

size_t cr_layout_item_bytes(cr_column_id column)
{
    switch (cr_column_at(column).kind) {
    case CR_KIND_U8:
        return sizeof(uint8_t);
    case CR_KIND_FLAG:
    case CR_KIND_I32:
        return sizeof(int32_t);
    case CR_KIND_F32:
    case CR_KIND_MAP:
        return sizeof(float);
    case CR_KIND_F64:
        return sizeof(double);
    case CR_KIND_REASON:
        return CR_REASON_BYTES;
    case CR_KIND_TEXT:
        return sizeof(uint32_t);
    }
    return 0;
}

bool cr_layout_packs(cr_column_id column, const cr_results_plan *plan)
{
    const cr_column_kind kind = cr_column_at(column).kind;
    return kind == CR_KIND_FLAG || kind == CR_KIND_REASON ||
           (kind == CR_KIND_MAP && plan->map_float16);
}

void cr_layout_pack(cr_column_id column, const cr_results_plan *plan, const void *items, size_t n,
                    void *packed)
{
    const cr_column_kind kind = cr_column_at(column).kind;
    if (!cr_layout_packs(column, plan))
        memcpy(packed, items, n * cr_layout_item_bytes(column));
    else if (kind == CR_KIND_MAP)
        cr_float16_from(items, n, packed);
    else if (kind == CR_KIND_FLAG)
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)packed)[i] = ((const int32_t *)items)[i] != 0;
    else
        /* What stands behind the text may not depend on what the memory held before. */
        for (size_t i = 0; i < n; i++)
            strncpy((char *)packed + i * CR_REASON_BYTES, (const char *)items + i * CR_REASON_BYTES,
                    CR_REASON_BYTES);
}

void cr_layout_unpack(cr_column_id column, const cr_results_plan *plan, const void *packed,
                      size_t n, void *items)
{
    const cr_column_kind kind = cr_column_at(column).kind;
    if (!cr_layout_packs(column, plan))
        memcpy(items, packed, n * cr_layout_item_bytes(column));
    else if (kind == CR_KIND_MAP)
        cr_float16_to(packed, n, items);
    else if (kind == CR_KIND_FLAG)
        for (size_t i = 0; i < n; i++)
            ((int32_t *)items)[i] = ((const uint8_t *)packed)[i];
    else
        for (size_t i = 0; i < n; i++) {
            char *text = (char *)items + i * CR_REASON_BYTES;
            memcpy(text, (const char *)packed + i * CR_REASON_BYTES, CR_REASON_BYTES);
            text[CR_REASON_BYTES - 1] = 0;
        }
}
