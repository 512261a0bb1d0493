/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_plot.h: an hour as an inline SVG, for whoever has no script, and with
 * words for whoever does not see it.
 *
 * Colours come from the page's style sheet, by class; there is no style
 * attribute, which the page's Content-Security-Policy would not permit.
 */
#ifndef SMART_STATUS_PLOT_H
#define SMART_STATUS_PLOT_H

#include "httpd/status.h"

#define SMART_PLOT_SERIES 2

/** What is drawn with one colour. */
typedef struct smart_series_t {
    const char *name;                 /* for the legend; a constant */
    const char *class;                /* in the style sheet */
    double value[SMART_HOUR_MINUTES]; /* below 0: none */
} smart_series_t;

typedef struct smart_plot_t {
    const char *id;    /* of the elements; a constant */
    const char *title; /* a constant */
    const char *desc;  /* in words; nothing to escape in it */
    const char *unit;  /* behind numbers, "" or " ms" */
    bool bars;         /* stacked; else lines */
    double most;       /* at the top of the axis; 0: by the values */
    const smart_minute_t *hour;
    int series_count;
    smart_series_t series[SMART_PLOT_SERIES];
} smart_plot_t;

/** Draw it, as a figure with caption and legend. */
void smart_plot_write(request_rec *r, const smart_plot_t *plot);

#endif
