#include "plots/legend.h"

#include <math.h>

/* Where the key of a chart stands and how much room its texts get. */

enum { ROW = 13, SWATCH = 9, SWATCH_GAP = 6, COLUMN_GAP = 14, VALUE_GAP = 10 };

void cp_legend_init(CpLegend *legend, const char *name_head, const char *value_head)
{
    legend->entries = g_array_new(FALSE, FALSE, sizeof(CpLegendEntry));
    legend->name_head = name_head;
    legend->value_head = value_head;
}

static CpLegendEntry *entry_at(const CpLegend *legend, guint i)
{
    return &g_array_index(legend->entries, CpLegendEntry, i);
}

void cp_legend_clear(CpLegend *legend)
{
    for (guint i = 0; i < legend->entries->len; i++) {
        g_free(entry_at(legend, i)->name);
        g_free(entry_at(legend, i)->value);
    }
    g_clear_pointer(&legend->entries, g_array_unref);
}

void cp_legend_add(CpLegend *legend, char *name, char *value, CpColour colour, bool is_line)
{
    CpLegendEntry entry = {name, value, colour, is_line};
    g_array_append_val(legend->entries, entry);
}

static CpTextStyle value_style(const CpTheme *theme)
{
    CpTextStyle style = cp_theme_label(theme);
    style.colour = theme->muted;
    style.align = CP_ALIGN_RIGHT;
    return style;
}

static double value_width(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme)
{
    double widest = 0;
    if (legend->value_head != NULL) {
        widest = cp_canvas_text_width(canvas, cp_theme_caption(theme), legend->value_head);
    }
    for (guint i = 0; i < legend->entries->len; i++) {
        const char *value = entry_at(legend, i)->value;
        if (value != NULL) {
            double width = cp_canvas_text_width(canvas, value_style(theme), value);
            widest = MAX(widest, width);
        }
    }
    return widest > 0 ? widest + VALUE_GAP : 0;
}

double cp_legend_width(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme,
                       double name_max)
{
    double widest = 0;
    for (guint i = 0; i < legend->entries->len; i++) {
        g_autofree char *fit = cp_canvas_fit(canvas, cp_theme_label(theme),
                                             entry_at(legend, i)->name, name_max);
        double width = cp_canvas_text_width(canvas, cp_theme_label(theme), fit);
        widest = MAX(widest, width);
    }
    if (legend->entries->len == 0) {
        return 0;
    }
    return COLUMN_GAP + SWATCH + SWATCH_GAP + ceil(widest) +
           ceil(value_width(legend, canvas, theme));
}

unsigned cp_legend_room(double height)
{
    return height < 2 * ROW ? 1 : (unsigned)(height / ROW) - 1;
}

/* A box or a stroke, `y` its middle. */
static void draw_swatch(CpCanvas *canvas, const CpLegendEntry *entry, double x, double y)
{
    double height = entry->is_line ? 2 : SWATCH;
    CpBox box = {x, y - height / 2, SWATCH, height, entry->colour};
    cp_canvas_boxes(canvas, &box, 1);
}

static void draw_heads(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme,
                       double x, double right, double y)
{
    CpTextStyle style = cp_theme_caption(theme);
    if (legend->name_head != NULL) {
        cp_canvas_text(canvas, (CpPoint){x, y}, style, legend->name_head);
    }
    if (legend->value_head != NULL) {
        style.align = CP_ALIGN_RIGHT;
        cp_canvas_text(canvas, (CpPoint){right, y}, style, legend->value_head);
    }
}

void cp_legend_column(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme,
                      const CpArea *area)
{
    double x = area->x + COLUMN_GAP, right = area->x + area->w, y = area->y + ROW / 2.0;
    double text_x = x + SWATCH + SWATCH_GAP;
    double room = right - text_x - ceil(value_width(legend, canvas, theme));
    if (legend->name_head != NULL) {
        draw_heads(legend, canvas, theme, x, right, y - 1);
        y += ROW;
    }
    for (guint i = 0; i < legend->entries->len; i++, y += ROW) {
        const CpLegendEntry *entry = entry_at(legend, i);
        CpTextStyle style = cp_theme_label(theme);
        g_autofree char *fit = cp_canvas_fit(canvas, style, entry->name, room + 0.5);
        draw_swatch(canvas, entry, x, y);
        cp_canvas_text(canvas, (CpPoint){text_x, y}, style, fit);
        if (entry->value != NULL) {
            cp_canvas_text(canvas, (CpPoint){right, y}, value_style(theme), entry->value);
        }
    }
}

double cp_legend_rows(const CpLegend *legend, CpCanvas *canvas, const CpTheme *theme,
                      double x, double y, double width, bool is_trial)
{
    double left = x, top = y;
    CpTextStyle style = cp_theme_label(theme);
    for (guint i = 0; i < legend->entries->len; i++) {
        const CpLegendEntry *entry = entry_at(legend, i);
        g_autofree char *fit = cp_canvas_fit(canvas, style, entry->name, width * 0.4);
        double step = SWATCH + SWATCH_GAP + cp_canvas_text_width(canvas, style, fit);
        if (left > x && left + step > x + width) {
            left = x;
            y += ROW;
        }
        if (!is_trial) {
            draw_swatch(canvas, entry, left, y + ROW / 2.0);
            CpPoint at = {left + SWATCH + SWATCH_GAP, y + ROW / 2.0};
            cp_canvas_text(canvas, at, style, fit);
        }
        left += step + COLUMN_GAP;
    }
    return legend->entries->len > 0 ? y + ROW - top : 0;
}
