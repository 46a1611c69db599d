#include "plots/axes.h"

#include <string.h>

/* Where heading, axes, grid and caption stand around the data. */

enum { TICK_LENGTH = 4, LABEL_GAP = 5, SUBTITLE_LINE = 13, CAPTION_LINE = 10 };

/* Pages narrower than this keep room for captions of two lines. */
#define CAPTION_ONE_LINE 560.0

static void fitted(CpCanvas *canvas, CpPoint at, CpTextStyle style, const char *text,
                   double width)
{
    g_autofree char *fit = cp_canvas_fit(canvas, style, text, width);
    cp_canvas_text(canvas, at, style, fit);
}

/* Bytes of the longest head of `text` that fits and ends before a space; all, if none. */
static size_t line_bytes(CpCanvas *canvas, CpTextStyle style, const char *text,
                         double width)
{
    size_t best = strlen(text);
    if (cp_canvas_text_width(canvas, style, text) <= width) {
        return best;
    }
    for (const char *space = strchr(text, ' '); space != NULL;
         space = strchr(space + 1, ' ')) {
        g_autofree char *head = g_strndup(text, (gsize)(space - text));
        if (cp_canvas_text_width(canvas, style, head) > width) {
            break;
        }
        best = (size_t)(space - text);
    }
    return best;
}

/* New texts: `text` broken at spaces, the last line shortened if need be. */
static char **break_lines(CpCanvas *canvas, CpTextStyle style, const char *text,
                          double width)
{
    char **lines = g_new0(char *, CP_LINES_MAX + 1);
    for (int i = 0; i < CP_LINES_MAX && *text != '\0'; i++) {
        size_t n = line_bytes(canvas, style, text, width);
        bool is_last = i + 1 == CP_LINES_MAX;
        g_autofree char *head = is_last ? g_strdup(text) : g_strndup(text, n);
        lines[i] = cp_canvas_fit(canvas, style, head, width);
        text += is_last ? strlen(text) : n;
        text += *text == ' ';
    }
    return lines;
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
        CpTextStyle style = cp_theme_subtitle(theme);
        g_auto(GStrv) lines = break_lines(canvas, style, subtitle, width);
        for (char **line = lines; *line != NULL; line++) {
            cp_canvas_text(canvas, (CpPoint){CP_PAGE_MARGIN, y + 6}, style, *line);
            y += SUBTITLE_LINE;
        }
        y += 2;
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
    return width < 90 ? 2 : (unsigned)(width / 45);
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

double cp_axes_caption_height(double page_width)
{
    return page_width < CAPTION_ONE_LINE ? 8 + 2 * CAPTION_LINE : 4 + CAPTION_LINE;
}

void cp_axes_caption(CpCanvas *canvas, const CpTheme *theme, double page_width, double y,
                     const char *text)
{
    CpTextStyle style = cp_theme_caption(theme);
    g_auto(GStrv) lines = break_lines(canvas, style, text, page_width - 2 * CP_PAGE_MARGIN);
    y += CAPTION_LINE / 2.0 + 2;
    for (char **line = lines; *line != NULL; line++, y += CAPTION_LINE) {
        cp_canvas_text(canvas, (CpPoint){CP_PAGE_MARGIN, y}, style, *line);
    }
}

void cp_axes_message(CpCanvas *canvas, const CpTheme *theme, const CpArea *area,
                     const char *text)
{
    CpTextStyle style = cp_theme_tick(theme);
    g_autofree char *fit = cp_canvas_fit(canvas, style, text, area->w);
    CpPoint middle = {area->x + area->w / 2, area->y + area->h / 2};
    cp_canvas_text(canvas, middle, style, fit);
}
