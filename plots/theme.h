/* Colours by role, and the colours of threads.
 *
 * Threads take the Okabe-Ito hues, then the same lightened, then darkened; grey is kept
 * for "others", so a coloured box always means one named thread.  Yellow, orange and sky
 * have too little contrast for text or thin lines on white: they are for areas only. */
#ifndef CP_PLOTS_THEME_H
#define CP_PLOTS_THEME_H

#include "plots/canvas.h"

enum { CP_THEME_COLOURS = 21 };

typedef struct {
    const char *name;
    CpColour background, text, muted; /* muted: ticks, subtitles, captions */
    CpColour grid, lane;              /* lane: an idle CPU */
    CpColour others;                  /* threads that are not listed */
} CpTheme;

/* NULL means light.  CP_ERROR_USAGE: unknown name. */
const CpTheme *cp_theme_find(const char *name, GError **error);
/* Colour number i of the palette, repeating. */
CpColour cp_theme_colour(const CpTheme *theme, unsigned i);
/* Black or white, whichever reads better on `area`. */
CpColour cp_theme_ink(CpColour area);
/* `share` of b mixed into a, 0 to 1. */
CpColour cp_colour_mix(CpColour a, CpColour b, double share);
/* Ratio of luminances as accessibility rules define it, 1 to 21. */
double cp_colour_contrast(CpColour a, CpColour b);

/* Text styles of every chart. */
CpTextStyle cp_theme_title(const CpTheme *theme);    /* bold 14 pt */
CpTextStyle cp_theme_subtitle(const CpTheme *theme); /* 9.5 pt, muted */
CpTextStyle cp_theme_heading(const CpTheme *theme);  /* bold 9.5 pt: one panel of several */
CpTextStyle cp_theme_tick(const CpTheme *theme);     /* 8.5 pt, muted */
CpTextStyle cp_theme_label(const CpTheme *theme);    /* 8.5 pt: legend, direct labels */
CpTextStyle cp_theme_caption(const CpTheme *theme);  /* 7.5 pt, muted */

#endif
