/* insight - what a trained model does, to whom and why: metrics by groups of samples, attributions,
 * reports.
 *
 *   breakdown   every metric for each group of samples                    breakdown.c */
#ifndef RONDO_INSIGHT_H
#define RONDO_INSIGHT_H
#include "task/task.h"
#endif
