/* Fields of CSV files, as all programs read them. */
#ifndef CP_TRACES_CSV_H
#define CP_TRACES_CSV_H

#include <glib.h>

/* Appends a field, in quotes when a reader would otherwise split it.  Characters that steer
 * a terminal are escaped, and a text that a spreadsheet would take for a formula (one that
 * begins with = + - @ and is no number) begins with an apostrophe, which it does not show.
 */
void cp_csv_field(GString *out, const char *text);

#endif
