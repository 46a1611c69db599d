#include "tests/unit/fixture-drawing.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

void fixture_check_drawing(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    double width = 0, height = 0;
    for (char **line = lines; *line != NULL; line++) {
        double x, y, w, h;
        unsigned number;
        if (sscanf(*line, "page %u %lf %lf", &number, &w, &h) == 3) {
            width = w;
            height = h;
        } else if (sscanf(*line, "box %lf %lf %lf %lf", &x, &y, &w, &h) == 4) {
            assert_true(x >= 0 && y >= 0 && w >= 0 && h >= 0);
            assert_true(x + w <= width + 0.1 && y + h <= height + 0.1);
        } else if (sscanf(*line, "text %lf %lf %lf", &x, &y, &w) == 3) {
            if (!(x >= 0 && x <= width && y >= 4 && y <= height - 4)) {
                fail_msg("outside of %g x %g: %s", width, height, *line);
            }
        } else if (sscanf(*line, "end %u primitives", &number) == 1) {
            assert_in_range(number, 1, 20000);
        }
    }
}
