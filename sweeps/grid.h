/* The points of a sweep: the product of its axes in the order written, the last one turning
 * fastest, less what `where` drops.
 *
 * The index of a point is its place in the full product, dropped points included, so that
 * it depends on the axes alone.  Points are never listed: a walk goes from one to the next,
 * and what it costs does not depend on how many there are. */
#ifndef CP_SWEEPS_GRID_H
#define CP_SWEEPS_GRID_H

#include "sweeps/axis.h"
#include "sweeps/expr.h"

typedef struct CpGrid CpGrid;

CpGrid *cp_grid_new(void);
void cp_grid_free(CpGrid *grid);

/* Takes the axis.  CP_ERROR_USAGE: there is one of that name. */
gboolean cp_grid_add(CpGrid *grid, CpAxis *axis, GError **error);
/* "cores,quota": these step together.  CP_ERROR_USAGE: unknown axis, unequal lengths. */
gboolean cp_grid_zip(CpGrid *grid, const char *keys, GError **error);
/* Drops points where the condition does not hold; several must all hold. */
gboolean cp_grid_where(CpGrid *grid, const char *condition, GError **error);
/* Only n points of the product, chosen by `seed`; those `where` drops count. */
void cp_grid_sample(CpGrid *grid, uint64_t n, uint64_t seed);

enum { CP_GRID_POINTS_MAX = 1000000000 };

/* After the last of the above: counts.  CP_ERROR_USAGE: too many points (says how many). */
gboolean cp_grid_seal(CpGrid *grid, GError **error);

/* Points of the full product. */
uint64_t cp_grid_size(const CpGrid *grid);
unsigned cp_grid_n_axes(const CpGrid *grid);
const CpAxis *cp_grid_axis(const CpGrid *grid, unsigned i);
/* The axis a name means, in full or its last part if that is unique; -1: none. */
int cp_grid_find(const CpGrid *grid, const char *name);

/* Whether it steps together with another one. */
bool cp_grid_is_zipped(const CpGrid *grid, unsigned axis);

/* Place of each axis's value in a point. */
void cp_grid_places(const CpGrid *grid, uint64_t point, uint64_t *places);
/* The index of a point from the places of its axes' values. */
uint64_t cp_grid_index(const CpGrid *grid, const uint64_t *places);
/* Its values, new texts, one an axis, NULL-ended. */
char **cp_grid_values(const CpGrid *grid, uint64_t point);
/* Whether `where` keeps it. */
bool cp_grid_keeps(const CpGrid *grid, uint64_t point);

/* Walks over the points kept; positions go from 0 to cp_grid_walk_end. */
uint64_t cp_grid_walk_end(const CpGrid *grid);
/* The point at a position; false: dropped by `where`. */
bool cp_grid_walk(const CpGrid *grid, uint64_t position, uint64_t *point);

/* Appends axes, zips and conditions, one a line: equal texts mean equal points. */
void cp_grid_print(const CpGrid *grid, GString *out);

#endif
