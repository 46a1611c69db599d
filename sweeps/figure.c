#include "sweeps/figure.h"

#include <math.h>

#define TIME_MAX 9.2e18 /* ns; longer times are no CpTime */

/* What floating point makes of the integers a run keeps. */

double cp_figure(CpUnit unit, double stored)
{
    return stored / (double)cp_unit_scale(unit);
}

CpDim cp_figure_dim(CpUnit unit)
{
    CpDim dim = cp_units[unit].dim;
    return dim == CP_DIM_TIME || dim == CP_DIM_SIZE ? dim : CP_DIM_NUMBER;
}

double cp_figure_shown(CpUnit unit, double figure)
{
    return figure * ((double)cp_unit_scale(unit) / (double)cp_units[unit].shown_size);
}

char *cp_figure_plain(double number)
{
    return number == floor(number) && fabs(number) < 9e15 ? g_strdup_printf("%.0f", number)
                                                          : g_strdup_printf("%.9g", number);
}

char *cp_figure_text(CpUnit unit, double figure)
{
    const CpUnitInfo *u = &cp_units[unit];
    if (u->dim == CP_DIM_TIME && fabs(figure) >= TIME_MAX) {
        return g_strdup_printf("%.3g s", figure / CP_S);
    }
    if (u->dim == CP_DIM_TIME) {
        g_autofree char *size = cp_format_time_human((CpTime)llround(fabs(figure)));
        return g_strconcat(figure < 0 ? "-" : "", size, NULL);
    }
    if (*u->shown != '\0') {
        return g_strdup_printf("%.1f %s", cp_figure_shown(unit, figure), u->shown);
    }
    return figure == floor(figure) ? cp_figure_plain(figure)
                                   : g_strdup_printf("%.4g", figure);
}
