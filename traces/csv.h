/* Fields of CSV files, as all programs read them. */
#ifndef CP_TRACES_CSV_H
#define CP_TRACES_CSV_H

#include <glib.h>

/* Appends a field, in quotes when a reader would otherwise split it. */
void cp_csv_field(GString *out, const char *text);

#endif
