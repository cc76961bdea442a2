/* Parameters as attributes of the group of what has them, by their table. */
#include "internal.h"

cr_status cr_parameters_put(cr_h5_at at, cr_parameters table, const void *of, cr_error *err)
{
    char text[CR_PARAMETER_BYTES];
    for (int i = 0; i < table.n; i++) {
        const cr_parameter *parameter = &table.items[i];
        const double value = cr_parameter_value(parameter, of);
        if (parameter->kind == CR_PARAMETER_NUMBER) {
            CR_OR_RETURN(cr_h5_put_double(at, parameter->key, value, err));
        } else if (parameter->kind == CR_PARAMETER_WORD) {
            cr_parameter_print(parameter, value, true, text);
            CR_OR_RETURN(cr_h5_put_text(at, parameter->key, text, err));
        } else {
            CR_OR_RETURN(cr_h5_put_int(at, parameter->key, (int)value, err));
        }
    }
    return CR_OK;
}

static cr_status get(cr_h5_at at, const cr_parameter *parameter, void *of, cr_error *err)
{
    cr_status status = CR_OK;
    char text[CR_PARAMETER_BYTES];
    int whole = 0;
    double number = 0;
    cr_error fault;
    if (parameter->kind == CR_PARAMETER_WORD)
        CR_TRY(cr_h5_get_text(at, parameter->key, text, sizeof text, err));
    else if (parameter->kind == CR_PARAMETER_NUMBER)
        CR_TRY(cr_h5_get_double(at, parameter->key, &number, err));
    else
        CR_TRY(cr_h5_get_int(at, parameter->key, &whole, err));
    if (parameter->kind == CR_PARAMETER_WORD)
        status = cr_parameter_read(parameter, of, text, &fault);
    else
        status = cr_parameter_set(parameter, of, number + whole, &fault);
    if (status != CR_OK)
        cr_fail(err, CR_EINPUT, "%s: %s: attribute `%s`: %.200s", at.file, at.place, parameter->key,
                fault.message);

cleanup:
    return status;
}

cr_status cr_parameters_get(cr_h5_at at, cr_parameters table, void *of, cr_error *err)
{
    cr_parameters_reset(table, of);
    for (int i = 0; i < table.n; i++)
        if (!table.items[i].later || H5Aexists(at.id, table.items[i].key) > 0)
            CR_OR_RETURN(get(at, &table.items[i], of, err));
    return CR_OK;
}
