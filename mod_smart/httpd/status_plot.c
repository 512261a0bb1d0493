/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_plot.c: see status_plot.h.
 *
 *   0        LEFT                          RIGHT    WIDTH
 *   TOP       | - - - - - - - - - - - - - - |  most
 *             | - - - - - - - - - - - - - - |  half
 *   BOTTOM    |_____________________________|  0
 *   HEIGHT    10:00        10:30       10:59
 *
 * It is as wide as a telephone, so that its text is readable there.
 */
#include "httpd/status_plot.h"

#include <http_protocol.h>

#include <apr_strings.h>

#define WIDTH  320
#define HEIGHT 150
#define LEFT   38.0
#define RIGHT  314.0
#define TOP    10.0
#define BOTTOM 126.0
#define STEP   ((RIGHT - LEFT) / SMART_HOUR_MINUTES)

static double middle_of(unsigned minute)
{
    return LEFT + (minute + 0.5) * STEP;
}

static double height_of(const smart_plot_t *plot, double value, double most)
{
    (void)plot;
    return (value < most ? value : most) / most * (BOTTOM - TOP);
}

/* ---- the axis ---- */

static double largest(const smart_plot_t *plot)
{
    double most = 0;
    unsigned i;
    int s;

    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        double sum = 0;

        for (s = 0; s < plot->series_count; s++) {
            const double value = plot->series[s].value[i];

            if (value > 0) {
                sum = plot->bars ? sum + value : value > sum ? value : sum;
            }
        }
        most = sum > most ? sum : most;
    }
    return most;
}

/* 1, 2 or 5 and zeros: the next that is not below. */
static double top_of_axis(const smart_plot_t *plot)
{
    static const double steps[] = {1, 2, 5};
    const double most = plot->most > 0 ? plot->most : largest(plot);
    double unit = 1;
    unsigned i = 0;

    if (plot->most > 0) {
        return most;
    }
    while (unit * steps[i] < most && unit < 1e15) {
        i = (i + 1) % 3;
        unit *= i == 0 ? 10 : 1;
    }
    return unit * steps[i];
}

static const char *number(double value, apr_pool_t *p)
{
    return value >= 1e6     ? apr_psprintf(p, "%.1fM", value / 1e6)
           : value >= 10000 ? apr_psprintf(p, "%.0fk", value / 1000)
           : value >= 100 || value == (double)(long)value
               ? apr_psprintf(p, "%.0f", value)
               : apr_psprintf(p, "%.1f", value);
}

static const char *clock_text(apr_time_t t, apr_pool_t *p)
{
    apr_time_exp_t exp;

    return apr_time_exp_lt(&exp, t) == APR_SUCCESS
               ? apr_psprintf(p, "%02d:%02d", exp.tm_hour, exp.tm_min)
               : "";
}

static void write_axes(request_rec *r, const smart_plot_t *plot, double most)
{
    unsigned i;

    for (i = 0; i <= 2; i++) {
        const double y = BOTTOM - (BOTTOM - TOP) * i / 2;

        ap_rprintf(r,
                   "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>"
                   "<text class=\"y\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                   LEFT, y, RIGHT, LEFT - 4, y + 3.5,
                   number(most * i / 2, r->pool));
    }
    for (i = 0; i < SMART_HOUR_MINUTES; i += 15) {
        ap_rprintf(r, "<text class=\"x\" x=\"%.1f\" y=\"%d\">%s</text>\n",
                   middle_of(i), HEIGHT - 8,
                   clock_text(plot->hour[i].begin, r->pool));
    }
}

/* ---- marks ---- */

/* What a mark says when it is pointed at. */
static const char *mark_text(request_rec *r, const smart_plot_t *plot,
                             const smart_series_t *series, unsigned i)
{
    return apr_psprintf(r->pool, "%s: %s %s%s",
                        clock_text(plot->hour[i].begin, r->pool), series->name,
                        number(series->value[i], r->pool), plot->unit);
}

static void write_bars(request_rec *r, const smart_plot_t *plot, double most)
{
    unsigned i;
    int s;

    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        double y = BOTTOM;

        for (s = 0; s < plot->series_count; s++) {
            const smart_series_t *series = &plot->series[s];
            double height;

            if (series->value[i] <= 0) {
                continue;
            }
            height = height_of(plot, series->value[i], most);
            height = height < 1 ? 1 : height; /* one of a million is seen */
            y -= height;
            ap_rprintf(r,
                       "<rect class=\"mark %s\" x=\"%.1f\" y=\"%.1f\" "
                       "width=\"%.1f\" height=\"%.1f\"><title>%s</title>"
                       "</rect>\n",
                       series->class, LEFT + i * STEP + 0.4, y, STEP - 0.8,
                       height, mark_text(r, plot, series, i));
        }
    }
}

/* Neighbours are joined; a minute without a value is a gap. */
static void write_line(request_rec *r, const smart_plot_t *plot,
                       const smart_series_t *series, double most)
{
    bool joined = false;
    unsigned i;

    ap_rprintf(r, "<path class=\"line %s\" d=\"M%.1f %.1f", series->class, LEFT,
               BOTTOM);
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        const double value = series->value[i];

        if (value >= 0) {
            ap_rprintf(r, "%s%.1f %.1f", joined ? "L" : "M", middle_of(i),
                       BOTTOM - height_of(plot, value, most));
        }
        joined = value >= 0;
    }
    ap_rputs("\"/>\n", r);
    for (i = 0; i < SMART_HOUR_MINUTES; i++) {
        if (series->value[i] >= 0) {
            ap_rprintf(r,
                       "<circle class=\"mark %s\" cx=\"%.1f\" cy=\"%.1f\" "
                       "r=\"2\"><title>%s</title></circle>\n",
                       series->class, middle_of(i),
                       BOTTOM - height_of(plot, series->value[i], most),
                       mark_text(r, plot, series, i));
        }
    }
}

/* ---- the figure ---- */

void smart_plot_write(request_rec *r, const smart_plot_t *plot)
{
    const double most = top_of_axis(plot);
    int s;

    ap_rprintf(r,
               "<figure id=\"%s\">\n<figcaption>%s</figcaption>\n"
               "<svg viewBox=\"0 0 %d %d\" role=\"img\" "
               "aria-labelledby=\"%s-t %s-d\">\n"
               "<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n",
               plot->id, plot->title, WIDTH, HEIGHT, plot->id, plot->id,
               plot->id, plot->title, plot->id, plot->desc);
    write_axes(r, plot, most);
    for (s = 0; s < plot->series_count && !plot->bars; s++) {
        write_line(r, plot, &plot->series[s], most);
    }
    if (plot->bars) {
        write_bars(r, plot, most);
    }
    ap_rputs("</svg>\n<p class=\"legend\">", r);
    for (s = 0; s < plot->series_count; s++) {
        ap_rprintf(r, "<span class=\"key %s\">%s</span> ",
                   plot->series[s].class, plot->series[s].name);
    }
    ap_rprintf(r, "<span class=\"desc\">%s</span></p>\n</figure>\n",
               plot->desc);
}
