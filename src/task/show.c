/* show - a sample drawn with letters, so that people see what the network was given. */
#include "task/task.h"
#include <string.h>

static const char shades[] = " .:-=+*#%@";
enum { SHADES = sizeof shades - 2, IMAGE_FEATURES = 8 };

/* A picture [rows][columns], seen through larger cells. */
typedef struct picture {
    const real *data;
    int64_t row_step, column_step; /* from one to the next in data */
    int64_t rows, columns;
    double low, high;
} picture;

static double cell_mean(const picture *p, int64_t row, int64_t rows, int64_t column,
                        int64_t columns)
{
    double sum = 0;
    int64_t n = 0;
    const int64_t bottom = (row + 1) * p->rows / rows, right = (column + 1) * p->columns / columns;
    for (int64_t r = row * p->rows / rows; r < bottom; r++)
        for (int64_t c = column * p->columns / columns; c < right; c++, n++)
            sum += (double)p->data[r * p->row_step + c * p->column_step];
    return n ? sum / (double)n : p->low;
}

static void find_range(picture *p)
{
    p->low = p->high = (double)p->data[0];
    for (int64_t i = 1; i < p->rows * p->columns; i++) {
        const double x = (double)p->data[i];
        if (x < p->low) p->low = x;
        if (x > p->high) p->high = x;
    }
    if (p->high <= p->low) p->high = p->low + 1;
}

static char *draw(const picture *p, int64_t rows, int64_t columns)
{
    char *text = alloc_array(rows * (columns + 1) + 1, 1), *at = text;
    if (!text) return NULL;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < columns; c++) {
            const double x = (cell_mean(p, r, rows, c, columns) - p->low) / (p->high - p->low);
            *at++ = shades[(int)(x * SHADES + 0.5)];
        }
        *at++ = '\n';
    }
    return text;
}

static rondo_status draw_text(const rondo_dataset *data, int64_t i, char **text)
{
    cursor c = { 0 };
    const char *from;
    size_t n;
    rondo_status s = data->text(data, &c, i, &from, &n);
    if (!s && !(*text = alloc_format("%.*s\n", (int)n, from))) s = RONDO_E_NOMEM;
    cursor_free(&c);
    return s;
}

/* Many features: time runs down, as in an image.  Few: each is a line, and time runs to the right. */
rondo_status rondo_sample_draw(const rondo_dataset *data, int64_t i, int width, char **text)
{
    cursor c = { 0 };
    sample s;
    *text = NULL;
    if (data->text) return draw_text(data, i, text);
    if (data->input[0].type != RONDO_F32)
        return rondo_fail(RONDO_E_ARG, "tokens cannot be drawn, only numbers and text");
    RONDO_TRY(data->get(data, &c, i, &s));
    const int64_t steps = s.input[0].steps, features = field_features(&data->input[0]);
    picture p = { s.input[0].data, features, 1, steps, features, 0, 1 };
    if (features < IMAGE_FEATURES)
        p = (picture){ s.input[0].data, 1, features, features, steps, 0, 1 };
    const int64_t columns = p.columns < width ? p.columns : width;
    int64_t rows = features < IMAGE_FEATURES ? features : steps * columns / features / 2;
    if (rows < 1) rows = 1;
    if (steps > 0) find_range(&p);
    *text = steps > 0 ? draw(&p, rows, columns) : alloc_text("");
    cursor_free(&c);
    return *text ? RONDO_OK : RONDO_E_NOMEM;
}
