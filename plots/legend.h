/* The key of a chart: a column at the right, or rows below on narrow pages. */
#ifndef CP_PLOTS_LEGEND_H
#define CP_PLOTS_LEGEND_H

#include "plots/axes.h"

typedef struct {
    char *name;  /* owned by the legend */
    char *value; /* right-aligned and grey, or NULL; owned */
    CpColour colour;
    bool is_line; /* a stroke instead of a box */
} CpLegendEntry;

typedef struct {
    GArray *entries;                    /* CpLegendEntry */
    const char *name_head, *value_head; /* small print above the columns, or NULL */
} CpLegend;

void cp_legend_init(CpLegend *legend, const char *name_head, const char *value_head);
void cp_legend_clear(CpLegend *legend);
/* Takes both texts. */
void cp_legend_add(CpLegend *legend, char *name, char *value, CpColour colour,
                   bool is_line);

/* Pages narrower than this have their legend below. */
#define CP_LEGEND_PAGE_MIN 400.0

/* Width of the column when names may take `name_max`; with the gap left of it. */
double cp_legend_width(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme,
                       double name_max);
/* How many rows fit into a height. */
unsigned cp_legend_room(double height);
void cp_legend_column(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme,
                      const CpArea *area);

/* The same as rows; returns their height.  Draws unless `is_trial`. */
double cp_legend_rows(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme,
                      double x, double y, double width, bool is_trial);

#endif
