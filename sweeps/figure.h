/* Figures of a run as floating-point numbers, for means, conditions and charts: what the
 * stored integer of a metric stands for, and how people read it.  The units themselves are
 * rows of sim/units.h. */
#ifndef CP_SWEEPS_FIGURE_H
#define CP_SWEEPS_FIGURE_H

#include "sim/units.h"

/* The figure of a stored value, or of a mean of such: ns, bytes, plain; shares 0 to 1. */
double cp_figure(CpUnit unit, double stored);
/* What conditions compare it with: times and sizes; everything else is a number. */
CpDim cp_figure_dim(CpUnit unit);
/* The figure in the unit people read it in: per cent, MiB; see cp_units[unit].shown. */
double cp_figure_shown(CpUnit unit, double figure);
/* New text of it: "1.40 ms", "12.3 %", "11.2 MiB", "200.5". */
char *cp_figure_text(CpUnit unit, double figure);
/* New text of any number: the shortest that is exact to nine digits. */
char *cp_figure_plain(double number);

#endif
