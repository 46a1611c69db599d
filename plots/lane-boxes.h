/* From slices and shares of time to boxes on a page; for every chart with lanes.
 *
 * Edges lie on half points, which are whole pixels of a PNG at the usual scale. */
#ifndef CP_PLOTS_LANE_BOXES_H
#define CP_PLOTS_LANE_BOXES_H

#include "plots/axes.h"
#include "plots/lanes.h"

#define CP_LANE_COLUMN_PT 1.5 /* finest column of shares */
#define CP_LANE_MARK_PT   1.0 /* the least width of a drawn slice */

typedef struct {
    CpArea area; /* of all lanes */
    const CpScale *x;
    uint32_t n_lanes;
    const CpColour *colours; /* [slot] */
} CpLaneLook;

typedef struct {
    GArray *boxes;                /* CpBox */
    GArray *marks;                /* CpBox; drawn on top */
    uint64_t n_slices, n_dropped; /* dropped: too short, and too near to a mark */
} CpLaneBoxes;

void cp_lane_boxes_init(CpLaneBoxes *boxes);
void cp_lane_boxes_clear(CpLaneBoxes *boxes);
/* Empties, to begin again. */
void cp_lane_boxes_reset(CpLaneBoxes *boxes);
void cp_lane_boxes_draw(const CpLaneBoxes *boxes, CpCanvas *canvas);

/* Height of a lane with the space below it, and a lane without it. */
double cp_lane_pitch(const CpLaneLook *look);
CpArea cp_lane_area(const CpLaneLook *look, uint32_t lane);

/* All lanes from one time to another: what stays visible of them is idle. */
void cp_lane_backgrounds(CpLaneBoxes *boxes, const CpLaneLook *look, CpTime from, CpTime to,
                         CpColour colour);
/* Long slices as they are, short ones as marks. */
void cp_lane_pieces(CpLaneBoxes *boxes, const CpLaneLook *look, const CpBins *bins);
/* Shares of what is left as columns, slot 0 at the bottom. */
void cp_lane_columns(CpLaneBoxes *boxes, const CpLaneLook *look, const CpBins *bins);

#endif
