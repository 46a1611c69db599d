#include "plots/scale.h"

#include "sim/assert.h"
#include "sim/params.h"

#include <math.h>
#include <string.h>

/* Where values lie on an axis, which ticks are marked and how they read. */

/* The unit in which the largest value is at least two. */
static const CpSuffix *unit_for(CpTime largest)
{
    return cp_suffix_for(CP_DIM_TIME, largest / 2);
}

const char *cp_unit_name(const CpSuffix *unit)
{
    return strcmp(unit->name, "us") == 0 ? "µs" : unit->name;
}

/* Power of ten of ns that it is. */
static unsigned digits_of(const CpSuffix *unit)
{
    unsigned digits = 0;
    for (int64_t size = unit->size; size > 1; size /= 10) {
        digits++;
    }
    return digits;
}

double cp_scale_at(const CpScale *scale, int64_t value)
{
    double share = (double)(value - scale->from) / (double)(scale->to - scale->from);
    return scale->start + share * (scale->end - scale->start);
}

int64_t cp_scale_step(int64_t value)
{
    cp_require(value >= 1);
    static const int64_t mantissas[] = {1, 2, 5};
    for (int64_t power = 1; power <= INT64_MAX / 10; power *= 10) {
        for (size_t i = 0; i < G_N_ELEMENTS(mantissas); i++) {
            if (mantissas[i] * power >= value) {
                return mantissas[i] * power;
            }
        }
    }
    return INT64_MAX;
}

/* Digits after the point that a multiple of `step` needs in a unit. */
static unsigned decimals_of(int64_t step, const CpSuffix *unit)
{
    unsigned decimals = digits_of(unit);
    while (decimals > 0 && step % 10 == 0) {
        step /= 10;
        decimals--;
    }
    return decimals;
}

/* Writes value / unit with exactly `decimals` digits after the point, in integers. */
static void put_decimal(char *out, size_t size, int64_t value, const CpSuffix *unit,
                        unsigned decimals)
{
    int64_t cut = 1;
    for (unsigned i = decimals; i < digits_of(unit); i++) {
        cut *= 10;
    }
    int64_t fraction = value % unit->size / cut;
    if (decimals == 0) {
        g_snprintf(out, (gulong)size, "%" G_GINT64_FORMAT, value / unit->size);
    } else {
        g_snprintf(out, (gulong)size, "%" G_GINT64_FORMAT ".%0*" G_GINT64_FORMAT,
                   value / unit->size, (int)decimals, fraction);
    }
}

/* What to take off every label when labels would need too many digits: the window's
 * start, rounded down to a round time not finer than the window itself. */
static CpTime label_base(CpTime from, CpTime to, CpTime step)
{
    if (from <= 0 || decimals_of(step, unit_for(to)) <= 3) {
        return 0;
    }
    CpTime round = 1;
    while (round <= (to - from) / 10) {
        round *= 10;
    }
    return from / round * round;
}

static void time_title(char *out, size_t size, CpTime base, const CpSuffix *unit)
{
    if (base == 0) {
        g_snprintf(out, (gulong)size, "time [%s]", cp_unit_name(unit));
        return;
    }
    const CpSuffix *whole = unit_for(base);
    char text[CP_TICK_TEXT];
    put_decimal(text, sizeof text, base, whole, decimals_of(base, whole));
    g_snprintf(out, (gulong)size, "time after %s %s [%s]", text, cp_unit_name(whole),
               cp_unit_name(unit));
}

void cp_ticks_time(CpTicks *ticks, CpTime from, CpTime to, unsigned max)
{
    cp_require(to > from && from >= 0 && max >= 1);
    memset(ticks, 0, sizeof *ticks);
    max = MIN(max, CP_TICKS_MAX - 1);
    CpTime step = cp_scale_step((to - from - 1) / max + 1);
    CpTime base = label_base(from, to, step);
    const CpSuffix *unit = unit_for(to - base);
    unsigned decimals = decimals_of(step, unit);
    time_title(ticks->title, sizeof ticks->title, base, unit);
    CpTime first = (from - base + step - 1) / step * step;
    for (CpTime t = first; t <= to - base && ticks->n <= max; t += step) {
        CpTick *tick = &ticks->tick[ticks->n++];
        tick->value = base + t;
        put_decimal(tick->text, sizeof tick->text, t, unit, decimals);
    }
}

void cp_ticks_count(CpTicks *ticks, int64_t largest, unsigned max)
{
    cp_require(largest >= 0 && max >= 1);
    memset(ticks, 0, sizeof *ticks);
    int64_t step = cp_scale_step(MAX((largest + max - 1) / max, 1));
    int64_t value = 0;
    for (;;) {
        CpTick *tick = &ticks->tick[ticks->n++];
        g_autofree char *text = cp_count_text(value);
        tick->value = value;
        g_strlcpy(tick->text, text, sizeof tick->text);
        if ((value >= largest && value > 0) || ticks->n == CP_TICKS_MAX) {
            break;
        }
        value += step;
    }
}

char *cp_count_text(int64_t count)
{
    char digits[24];
    g_snprintf(digits, sizeof digits, "%" G_GINT64_FORMAT, count);
    size_t n = strlen(digits);
    GString *out = g_string_new(NULL);
    for (size_t i = 0; i < n; i++) {
        /* A narrow space that never breaks; four digits read well without. */
        if (n > 4 && i > 0 && (n - i) % 3 == 0 && g_ascii_isdigit(digits[i - 1])) {
            g_string_append(out, "\u202f");
        }
        g_string_append_c(out, digits[i]);
    }
    return g_string_free(out, FALSE);
}

/* As everywhere else in the program, but with the letter that charts can draw. */
char *cp_time_text(CpTime ns)
{
    g_autofree char *text = cp_format_time_human(ns);
    g_auto(GStrv) parts = g_strsplit(text, " us", 2);
    return g_strjoinv(" µs", parts);
}

char *cp_share_text(int64_t part, int64_t whole)
{
    double share = whole > 0 ? 100.0 * (double)part / (double)whole : 0;
    if (part > 0 && share < 0.1) {
        return g_strdup("<0.1 %");
    }
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    bool is_round = part <= 0 || part == whole;
    const char *format = is_round || share >= 9.95 ? "%.0f" : "%.1f";
    g_ascii_formatd(number, sizeof number, format, share);
    /* Only all is 100 %. */
    if (part < whole && strcmp(number, "100") == 0) {
        return g_strdup(">99 %");
    }
    return g_strdup_printf("%s %%", number);
}
