/* tour - how those go through data who do not train on it: batch after batch; streams, and sequences
 * longer than a window, a window of steps at a time with carried states. So memory does not grow with
 * their length; and no output has other bits than where all steps are taken at once. */
#include "train/train.h"

enum { WINDOW_ROWS = 4096 }; /* steps times samples of a window */
enum {
    SORTED = 64,           /* batches whose samples are sorted together */
    SORTED_ROWS = 1 << 18, /* steps times samples of such a batch */
    NEARLY_NONE = 16 /* steps: the longest has so many, and twice the shortest's, at the most */
};

static int64_t window_size(int64_t rows)
{
    return rows < WINDOW_ROWS ? WINDOW_ROWS / rows : 1;
}

int64_t tour_rows(int64_t rows, int64_t longest)
{
    const int64_t most = longest > 0 ? window_size(longest) : rows;
    return rows < most ? rows : most;
}

void tour_open(tour *w, pass *p)
{
    *w = (tour){ .pass = p, .stateful = model_stateful(p->model) };
    w->in_pieces = model_can_stream(p->model) == RONDO_OK;
}

void tour_begin(tour *w, const rondo_dataset *data, int64_t rows, const scaler *in,
                const scaler *out)
{
    w->data = data;
    w->rows = data->streams || rows > data->count ? data->count : rows;
    w->scale_in = in;
    w->scale_out = out;
    w->sample = w->n = 0;
    w->order.first = w->order.n = 0;
    w->sorted = false;
    w->last = true;
    w->carry.rows = 0;
}

static rondo_status reserve(tour *w)
{
    if (w->rows <= w->room) return RONDO_OK;
    alloc_free(w->items);
    alloc_free(w->lengths);
    w->room = 0;
    w->items = alloc_array(w->rows, sizeof *w->items);
    w->lengths = alloc_array(2 * MAX_FIELDS * w->rows, sizeof *w->lengths);
    if (!w->items || !w->lengths) return RONDO_E_NOMEM;
    w->room = w->rows;
    return RONDO_OK;
}

/* Every output, and every target there is, is one of each step. */
static bool is_over_time(const tour *w)
{
    bool all = true;
    for (int i = 0; i < model_output_count(w->pass->model); i++)
        all &= model_output_shape(w->pass->model, i)->sequence;
    for (int i = 0; i < w->data->n_targets; i++) all &= field_is_sequence(&w->data->target[i]);
    return all;
}

void tour_sort(tour *w)
{
    w->sorted = !w->stateful && !w->data->streams;
    for (int i = 0; i < model_output_count(w->pass->model); i++)
        w->sorted &= !model_output_shape(w->pass->model, i)->sequence;
    for (int i = 0; i < w->data->n_targets; i++)
        w->sorted &= !field_is_sequence(&w->data->target[i]);
}

/* How many of n samples, shorter ones first, go together. */
static int64_t alike(const tour *w, const int64_t *item, int64_t n)
{
    const int64_t most = 2 * w->data->length(w->data, item[0]) + NEARLY_NONE;
    for (; n > 1; n--) {
        const int64_t longest = w->data->length(w->data, item[n - 1]);
        if (longest <= most && longest <= SORTED_ROWS / n) break;
    }
    return n;
}

/* How many samples come next, and where they are sorted the run that they are of. */
static rondo_status choose(tour *w)
{
    const int64_t left = w->data->count - w->sample;
    w->n = left < w->rows ? left : w->rows;
    if (!w->sorted || w->n <= 0) return RONDO_OK;
    length_order *o = &w->order;
    if (w->sample == o->first + o->n) {
        const int64_t run = SORTED * w->rows;
        RONDO_TRY(length_order_fill(o, w->data, w->sample, left < run ? left : run));
    }
    const int64_t *item = o->item + (w->sample - o->first);
    if (w->n > o->first + o->n - w->sample) w->n = o->first + o->n - w->sample;
    w->n = alike(w, item, w->n);
    return RONDO_OK;
}

/* Gathers a batch, or as much as is needed to know how it is to be cut. */
static rondo_status begin_batch(tour *w)
{
    int64_t steps;
    RONDO_TRY(reserve(w));
    for (int64_t i = 0; i < w->n; i++)
        w->items[i] = w->sorted ? w->order.item[w->sample - w->order.first + i] : w->sample + i;
    w->steps = w->data->streams ? dataset_longest(w->data) : 0;
    if (!w->data->streams) {
        RONDO_TRY(batch_gather(&w->whole, w->data, w->items, w->n, w->scale_in, w->scale_out));
        if (w->in_pieces && is_over_time(w) && !window_steps(&w->whole, &steps) &&
            steps > window_size(w->n))
            w->steps = steps;
    }
    if (w->steps || w->stateful) return carry_begin(&w->carry, w->pass, w->n);
    w->pass->carry_in = w->pass->carry_out = NULL;
    return RONDO_OK;
}

rondo_status tour_next(tour *w, const batch **next)
{
    *next = NULL;
    if (w->last) {
        w->sample += w->n;
        w->step = w->taken = 0;
        RONDO_TRY(choose(w));
        if (w->n <= 0) return RONDO_OK;
        RONDO_TRY(begin_batch(w));
    }
    w->step += w->taken;
    w->taken = window_size(w->n);
    if (w->taken > w->steps - w->step) w->taken = w->steps - w->step;
    w->last = w->step + w->taken >= w->steps;
    *next = &w->whole;
    if (w->data->streams)
        return batch_gather_steps(&w->whole, w->data, w->items, w->n, w->step, w->taken,
                                  w->scale_in, w->scale_out);
    if (!w->steps) return RONDO_OK;
    w->window = window_of(&w->whole, w->step, w->taken, w->lengths);
    *next = &w->window;
    return RONDO_OK;
}

/* A batch in one piece has the loss that it has, to the bit. */
void tour_add_loss(tour *w, scores *s, const comparison *c)
{
    const bool whole = w->last && w->step == 0;
    if (w->step == 0) w->loss_sum = w->valid = 0;
    w->loss_sum += c->total * c->valid[0];
    w->valid += c->valid[0];
    if (!w->last) return;
    const double mean = whole ? c->total : w->valid > 0 ? w->loss_sum / w->valid : 0;
    scores_add_loss(s, mean, (double)w->n);
}

void tour_close(tour *w)
{
    if (w->pass) w->pass->carry_in = w->pass->carry_out = NULL;
    batch_free(&w->whole);
    carry_free(&w->carry);
    length_order_free(&w->order);
    alloc_free(w->items);
    alloc_free(w->lengths);
    *w = (tour){ 0 };
}
