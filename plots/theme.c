#include "plots/theme.h"

#include "sim/error.h"

#include <math.h>
#include <string.h>

/* Which colours there are, for which role. */

static const CpTheme themes[] = {
    {"light", 0xffffff, 0x1f2328, 0x5f6670, 0xe4e5e6, 0xeceef1, 0xb0b6bf},
    {"dark", 0x16191d, 0xe6e8eb, 0x9aa1ab, 0x2f3338, 0x22262c, 0x6a727d},
};

/* Okabe and Ito's colours, which are told apart with any colour vision; without black and
 * grey, which have other meanings here. */
static const CpColour hues[] = {0x0072b2, 0xe69f00, 0x009e73, 0xcc79a7,
                                0x56b4e9, 0xd55e00, 0xf0e442};

const CpTheme *cp_theme_find(const char *name, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(themes); i++) {
        if (name == NULL || strcmp(themes[i].name, name) == 0) {
            return &themes[i];
        }
    }
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "unknown theme '%s'; there are light and dark", name);
    return NULL;
}

static double channel(CpColour colour, unsigned shift)
{
    return (colour >> shift & 0xff) / 255.0;
}

CpColour cp_colour_mix(CpColour a, CpColour b, double share)
{
    CpColour mixed = 0;
    for (unsigned shift = 0; shift <= 16; shift += 8) {
        double level = channel(a, shift) * (1 - share) + channel(b, shift) * share;
        mixed |= (CpColour)lround(level * 255) << shift;
    }
    return mixed;
}

CpColour cp_theme_colour(const CpTheme *theme, unsigned i)
{
    CpColour hue = hues[i % G_N_ELEMENTS(hues)];
    unsigned round = i / G_N_ELEMENTS(hues) % 3;
    bool is_dark = theme->background < 0x808080;
    if (round == 1) {
        return cp_colour_mix(hue, 0xffffff, 0.45);
    }
    return round == 2 ? cp_colour_mix(hue, 0x000000, is_dark ? 0.25 : 0.35) : hue;
}

static double linear(double level)
{
    return level <= 0.04045 ? level / 12.92 : pow((level + 0.055) / 1.055, 2.4);
}

static double luminance(CpColour c)
{
    return 0.2126 * linear(channel(c, 16)) + 0.7152 * linear(channel(c, 8)) +
           0.0722 * linear(channel(c, 0));
}

double cp_colour_contrast(CpColour a, CpColour b)
{
    double la = luminance(a), lb = luminance(b);
    double high = la > lb ? la : lb, low = la > lb ? lb : la;
    return (high + 0.05) / (low + 0.05);
}

CpColour cp_theme_ink(CpColour area)
{
    return cp_colour_contrast(area, 0xffffff) >= 4.5 ? 0xffffff : 0x101214;
}

CpTextStyle cp_theme_title(const CpTheme *theme)
{
    return (CpTextStyle){14, theme->text, CP_ALIGN_LEFT, true};
}

CpTextStyle cp_theme_subtitle(const CpTheme *theme)
{
    return (CpTextStyle){9.5, theme->muted, CP_ALIGN_LEFT, false};
}

CpTextStyle cp_theme_heading(const CpTheme *theme)
{
    return (CpTextStyle){9.5, theme->text, CP_ALIGN_LEFT, true};
}

CpTextStyle cp_theme_tick(const CpTheme *theme)
{
    return (CpTextStyle){8.5, theme->muted, CP_ALIGN_CENTRE, false};
}

CpTextStyle cp_theme_label(const CpTheme *theme)
{
    return (CpTextStyle){8.5, theme->text, CP_ALIGN_LEFT, false};
}

CpTextStyle cp_theme_caption(const CpTheme *theme)
{
    return (CpTextStyle){7.5, theme->muted, CP_ALIGN_LEFT, false};
}
