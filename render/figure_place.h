/*
 * figure_place.h - labels in a row, each as near to its place as the others let it
 *
 * Pure.  The positions are those of the least sum of squared distances, found by pooling neighbours
 * that push each other (the pool-adjacent-violators algorithm of isotonic regression), so labels
 * keep the order of their places: leaders from places to labels never cross.
 */
#ifndef GILSCOPE_FIGURE_PLACE_H
#define GILSCOPE_FIGURE_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct figure_label { double want, width, at; };	/* middles of labels, and their widths */

/*
 * Sets at of n labels, sorted by want, so that no two are nearer than gap and all lie in [from,
 * to].  False where they do not fit; at is not set then.
 */
bool figure_place(struct figure_label *l, size_t n, double gap, double from, double to);

#endif
