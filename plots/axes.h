/* What surrounds the data of every chart: heading, axes, grid, caption.
 *
 * No frame: a light grid for counts, marks on the baseline for time, and the unit once. */
#ifndef CP_PLOTS_AXES_H
#define CP_PLOTS_AXES_H

#include "plots/scale.h"
#include "plots/theme.h"

/* Where data are drawn, in points. */
typedef struct {
    double x, y, w, h;
} CpArea;

enum {
    CP_PAGE_MARGIN = 16,
    CP_TIME_AXIS_HEIGHT = 32, /* marks, labels and title below an area */
    CP_LINES_MAX = 2,         /* of a subtitle or caption */
};

/* Title and subtitle; either may be NULL or empty.  A subtitle that is too long goes on in
 * a second line.  Returns y below them. */
double cp_axes_heading(CpCanvas *canvas, const CpTheme *theme, double page_width,
                       const char *title, const char *subtitle);
/* Bold name and grey details on one line, `y` its top.  Returns y below. */
double cp_axes_panel_heading(CpCanvas *canvas, const CpTheme *theme, double x, double y,
                             double width, const char *name, const char *details);
/* How many labels of the axis fit without touching. */
unsigned cp_axes_time_room(double width);
/* Baseline and marks below the area; labels and title only if asked, so that aligned
 * panels share those of the last. */
void cp_axes_time(CpCanvas *canvas, const CpTheme *theme, const CpArea *area,
                  const CpScale *x, const CpTicks *ticks, bool has_labels);
/* Widest label of a count axis. */
double cp_axes_count_width(CpCanvas *canvas, const CpTheme *theme, const CpTicks *ticks);
/* Grid lines and labels left of the area, the title above it. */
void cp_axes_count(CpCanvas *canvas, const CpTheme *theme, const CpArea *area,
                   const CpScale *y, const CpTicks *ticks, const char *title);
/* Room to keep at the bottom of a page for the caption. */
double cp_axes_caption_height(double page_width);
/* Small print, `y` the top of its room. */
void cp_axes_caption(CpCanvas *canvas, const CpTheme *theme, double page_width, double y,
                     const char *text);
/* Says in the middle of an area why it is empty. */
void cp_axes_message(CpCanvas *canvas, const CpTheme *theme, const CpArea *area,
                     const char *text);

#endif
