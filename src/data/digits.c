/* digits.c - images of hand-drawn digits, drawn here: strokes with shaking points, slant, scale,
 * thickness, noise. A stand-in for MNIST, read by rows as it is. */
#include "data/data.h"
#include <math.h>

typedef struct digits_options {
    int64_t count, size, seed;
} digits_options;

static const option_field fields[] = {
    { "count", OPTION_INT, offsetof(digits_options, count), "2000", "samples" },
    { "size", OPTION_INT, offsetof(digits_options, size), "28", "pixels on each side" },
    { "seed", OPTION_INT, offsetof(digits_options, seed), "0", "another seed, other samples" },
};

enum {
    CLASSES = 10,
    MOST_POINTS = 12,
    MOST_STROKES = 2,
    CURVE = 6 /* pieces between two points */
};

typedef struct point {
    double x, y;
} point;

/* Points that a pen passes, x to the right, y down, both 0…1; smooth through all but doubled
 * points. */
typedef struct stroke {
    int n;
    point at[MOST_POINTS];
} stroke;
static const stroke shapes[CLASSES][MOST_STROKES] = {
    { { 9,
        { { .5, 0 },
          { .18, .15 },
          { .08, .5 },
          { .2, .86 },
          { .5, 1 },
          { .8, .86 },
          { .92, .5 },
          { .8, .14 },
          { .48, 0 } } } },
    { { 4, { { .3, .2 }, { .55, 0 }, { .55, 0 }, { .5, 1 } } } },
    { { 9,
        { { .12, .22 },
          { .3, .03 },
          { .65, .02 },
          { .85, .24 },
          { .7, .5 },
          { .12, .97 },
          { .12, .97 },
          { .5, .95 },
          { .92, .97 } } } },
    { { 11,
        { { .12, .12 },
          { .45, 0 },
          { .8, .14 },
          { .76, .36 },
          { .42, .47 },
          { .42, .47 },
          { .8, .58 },
          { .88, .8 },
          { .62, .98 },
          { .3, .98 },
          { .08, .84 } } } },
    { { 5, { { .62, 0 }, { .08, .66 }, { .08, .66 }, { .5, .66 }, { .95, .64 } } },
      { 3, { { .68, .35 }, { .66, .7 }, { .64, 1 } } } },
    { { 10,
        { { .85, .02 },
          { .22, .03 },
          { .22, .03 },
          { .17, .45 },
          { .17, .45 },
          { .55, .36 },
          { .87, .58 },
          { .82, .86 },
          { .5, 1 },
          { .1, .9 } } } },
    { { 9,
        { { .72, 0 },
          { .35, .25 },
          { .12, .6 },
          { .2, .9 },
          { .52, 1 },
          { .82, .86 },
          { .8, .6 },
          { .48, .5 },
          { .17, .68 } } } },
    { { 5, { { .08, .05 }, { .9, .02 }, { .9, .02 }, { .55, .5 }, { .35, 1 } } } },
    { { 11,
        { { .76, .1 },
          { .42, 0 },
          { .16, .2 },
          { .34, .42 },
          { .7, .58 },
          { .86, .82 },
          { .5, 1 },
          { .14, .82 },
          { .32, .56 },
          { .74, .36 },
          { .76, .1 } } } },
    { { 10,
        { { .84, .2 },
          { .55, 0 },
          { .2, .12 },
          { .18, .4 },
          { .48, .52 },
          { .8, .36 },
          { .84, .2 },
          { .84, .2 },
          { .8, .6 },
          { .66, 1 } } } },
};

/* Where the pen goes on the image: turned, slanted, scaled, moved, each point shaken a little. */
typedef struct pen {
    double a, b, c, d, x, y, shake, radius, ink;
} pen;

static pen pick_up(rng *r, double size)
{
    const double height = size * (0.56 + 0.19 * rng_uniform(r));
    const double width = height * (0.54 + 0.3 * rng_uniform(r));
    const double slant = 0.6 * (rng_uniform(r) - 0.4), turn = 0.38 * (rng_uniform(r) - 0.5);
    const double move = size * 0.14;
    return (pen){ .a = width * cos(turn),
                  .b = -height * (slant * cos(turn) + sin(turn)),
                  .c = width * sin(turn),
                  .d = height * (cos(turn) - slant * sin(turn)),
                  .x = size / 2 + move * (rng_uniform(r) - 0.5),
                  .y = size / 2 + move * (rng_uniform(r) - 0.5),
                  .shake = 0.04,
                  .radius = size * (0.03 + 0.034 * rng_uniform(r)),
                  .ink = 0.75 + 0.25 * rng_uniform(r) };
}

static point move(const pen *p, point from, rng *r)
{
    const double x = from.x - 0.5 + p->shake * rng_normal(r);
    const double y = from.y - 0.5 + p->shake * rng_normal(r);
    return (point){ p->x + p->a * x + p->b * y, p->y + p->c * x + p->d * y };
}

/* Catmull & Rom 1974: a curve through q[1]…q[2] with q[0], q[3] for its ends' directions. */
static point between(const point q[4], double t)
{
    const double w[4] = { t * (t * (2 - t) - 1), t * t * (3 * t - 5) + 2, t * (t * (4 - 3 * t) + 1),
                          t * t * (t - 1) };
    point p = { 0, 0 };
    for (int k = 0; k < 4; k++) {
        p.x += w[k] * q[k].x / 2;
        p.y += w[k] * q[k].y / 2;
    }
    return p;
}

static double distance(double x, double y, point a, point b)
{
    const double dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
    double t = square > 0 ? ((x - a.x) * dx + (y - a.y) * dy) / square : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return hypot(x - a.x - t * dx, y - a.y - t * dy);
}

/* The pixels near a straight piece: full ink within the radius, fading over one pixel. */
static void ink(real *image, int64_t size, const pen *p, point a, point b)
{
    const double reach = p->radius + 1;
    int64_t left = (int64_t)floor(fmin(a.x, b.x) - reach),
            right = (int64_t)ceil(fmax(a.x, b.x) + reach);
    int64_t top = (int64_t)floor(fmin(a.y, b.y) - reach),
            bottom = (int64_t)ceil(fmax(a.y, b.y) + reach);
    if (left < 0) left = 0;
    if (top < 0) top = 0;
    if (right > size) right = size;
    if (bottom > size) bottom = size;
    for (int64_t y = top; y < bottom; y++)
        for (int64_t x = left; x < right; x++) {
            const double d = distance((double)x + 0.5, (double)y + 0.5, a, b);
            const real v = (real)(p->ink * fmax(0, fmin(1, p->radius + 0.5 - d)));
            if (v > image[y * size + x]) image[y * size + x] = v;
        }
}

static void draw(real *image, int64_t size, const stroke *s, const pen *p, rng *r)
{
    point q[MOST_POINTS + 2];
    for (int i = 0; i < s->n; i++) {
        const bool doubled = i && s->at[i].x == s->at[i - 1].x && s->at[i].y == s->at[i - 1].y;
        q[i + 1] = doubled ? q[i] : move(p, s->at[i], r);
    }
    q[0] = q[1];
    q[s->n + 1] = q[s->n];
    for (int i = 0; i + 1 < s->n; i++) {
        point from = q[i + 1];
        for (int k = 1; k <= CURVE; k++) {
            const point to = between(q + i, (double)k / CURVE);
            ink(image, size, p, from, to);
            from = to;
        }
    }
}

static void make(const void *options, rng *r, made_sample *m)
{
    const int64_t size = ((const digits_options *)options)->size;
    const int digit = (int)(m->item % CLASSES); /* as many of each */
    const pen p = pick_up(r, (double)size);
    m->labels[0] = digit;
    for (int k = 0; k < MOST_STROKES && shapes[digit][k].n; k++)
        draw(m->x, size, &shapes[digit][k], &p, r);
    for (int64_t i = 0; i < size * size; i++) { /* [T][F] = [size][size] */
        const double v = m->x[i] + 0.04 * rng_normal(r);
        m->x[i] = (real)(v < 0 ? 0 : v > 1 ? 1 : v);
    }
}

static rondo_status open(rondo_dataset **out, const void *options)
{
    static const char *const classes[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL };
    const digits_options *o = options;
    RONDO_TRY(generate_check("digits", "size", o->size, 8, 256));
    return generate_dataset(out,
                            &(task_generator){ .count = o->count,
                                               .seed = o->seed,
                                               .longest = o->size,
                                               .input = { RONDO_F32, { 2, { o->size, o->size } } },
                                               .target = { RONDO_I32, { 0, { 0 } } },
                                               .classes = classes,
                                               .options = o,
                                               .options_size = sizeof *o,
                                               .make = make });
}

const generator_row digits_generator = { "digits", "images of hand-drawn digits, read by rows",
                                         OPTION_TABLE(fields), sizeof(digits_options), open };
