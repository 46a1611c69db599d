#include "plots/axes.h"

enum { TICK_LENGTH = 4, LABEL_GAP = 5 };

static void fitted(CpCanvas *canvas, CpPoint at, CpTextStyle style, const char *text,
                   double width)
{
    g_autofree char *fit = cp_canvas_fit(canvas, style, text, width);
    cp_canvas_text(canvas, at, style, fit);
}

double cp_axes_heading(CpCanvas *canvas, const CpTheme *theme, double page_width,
                       const char *title, const char *subtitle)
{
    double width = page_width - 2 * CP_PAGE_MARGIN;
    double y = 12;
    if (title != NULL && title[0] != '\0') {
        fitted(canvas, (CpPoint){CP_PAGE_MARGIN, y + 9}, cp_theme_title(theme), title,
               width);
        y += 20;
    }
    if (subtitle != NULL && subtitle[0] != '\0') {
        fitted(canvas, (CpPoint){CP_PAGE_MARGIN, y + 6}, cp_theme_subtitle(theme), subtitle,
               width);
        y += 15;
    }
    return y + 7;
}

double cp_axes_panel_heading(CpCanvas *canvas, const CpTheme *theme, double x, double y,
                             double width, const char *name, const char *details)
{
    CpTextStyle bold = cp_theme_heading(theme);
    g_autofree char *fit = cp_canvas_fit(canvas, bold, name, width * 0.6);
    double used = cp_canvas_text_width(canvas, bold, fit);
    cp_canvas_text(canvas, (CpPoint){x, y + 6}, bold, fit);
    fitted(canvas, (CpPoint){x + used + 8, y + 6}, cp_theme_subtitle(theme), details,
           width - used - 8);
    return y + 17;
}

unsigned cp_axes_time_room(double width)
{
    return width < 110 ? 2 : (unsigned)(width / 55);
}

void cp_axes_time(CpCanvas *canvas, const CpTheme *theme, const CpArea *area,
                  const CpScale *x, const CpTicks *ticks, bool has_labels)
{
    double base = area->y + area->h;
    CpColour ink = cp_colour_mix(theme->muted, theme->background, 0.4);
    CpTextStyle style = cp_theme_tick(theme);
    cp_canvas_line(canvas, (CpPoint){area->x, base}, (CpPoint){area->x + area->w, base},
                   0.75, ink);
    for (unsigned i = 0; i < ticks->n; i++) {
        double at = cp_scale_at(x, ticks->tick[i].value);
        cp_canvas_line(canvas, (CpPoint){at, base}, (CpPoint){at, base + TICK_LENGTH}, 0.75,
                       ink);
        if (has_labels) {
            cp_canvas_text(canvas, (CpPoint){at, base + 11}, style, ticks->tick[i].text);
        }
    }
    if (has_labels) {
        cp_canvas_text(canvas, (CpPoint){area->x + area->w / 2, base + 24}, style,
                       ticks->title);
    }
}

double cp_axes_count_width(CpCanvas *canvas, const CpTheme *theme, const CpTicks *ticks)
{
    double widest = 0;
    for (unsigned i = 0; i < ticks->n; i++) {
        double width =
            cp_canvas_text_width(canvas, cp_theme_tick(theme), ticks->tick[i].text);
        widest = MAX(widest, width);
    }
    return widest + LABEL_GAP;
}

void cp_axes_count(CpCanvas *canvas, const CpTheme *theme, const CpArea *area,
                   const CpScale *y, const CpTicks *ticks, const char *title)
{
    CpTextStyle style = cp_theme_tick(theme);
    for (unsigned i = 0; i < ticks->n; i++) {
        double at = cp_scale_at(y, ticks->tick[i].value);
        style.align = CP_ALIGN_RIGHT;
        cp_canvas_line(canvas, (CpPoint){area->x, at}, (CpPoint){area->x + area->w, at},
                       0.75, theme->grid);
        cp_canvas_text(canvas, (CpPoint){area->x - LABEL_GAP, at}, style,
                       ticks->tick[i].text);
    }
    style.align = CP_ALIGN_LEFT;
    g_autofree char *fit = cp_canvas_fit(canvas, style, title, area->w);
    cp_canvas_text(canvas, (CpPoint){area->x, area->y - 9}, style, fit);
}

void cp_axes_caption(CpCanvas *canvas, const CpTheme *theme, double page_width,
                     double page_height, const char *text)
{
    fitted(canvas, (CpPoint){CP_PAGE_MARGIN, page_height - 9}, cp_theme_caption(theme),
           text, page_width - 2 * CP_PAGE_MARGIN);
}

void cp_axes_message(CpCanvas *canvas, const CpTheme *theme, const CpArea *area,
                     const char *text)
{
    CpTextStyle style = cp_theme_tick(theme);
    g_autofree char *fit = cp_canvas_fit(canvas, style, text, area->w);
    CpPoint middle = {area->x + area->w / 2, area->y + area->h / 2};
    cp_canvas_text(canvas, middle, style, fit);
}
