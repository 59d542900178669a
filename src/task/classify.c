/* classify - which of several classes a sequence is. */
#include "task/task.h"
#include <math.h>

static const char recipe[] =
    "# A recipe: what to train, on what, and how.  Each key is an option of the command line, too\n"
    "# (rondo train --help lists them all); an option given there wins.  Train it with\n"
    "#     rondo train recipe.yaml\n"
    "task: classify\n"
    "\n"
    "# The data: a CSV file, one row per time step.  Rows with the same `gesture` are one "
    "sequence;\n"
    "# sequences may differ in length.  Paths are relative to this file.\n"
    "data: gestures.csv\n"
    "sequence: gesture\n"
    "target: label            # the column that says what the gesture is\n"
    "features: [x, y]         # the columns it is told from; without this: all the others\n"
    "validation_split: 0.2    # keep a fifth back, to see how it does on data it has not seen\n"
    "scale: standard          # mean 0, deviation 1; learnt from the training part only\n"
    "\n"
    "# The network, layer by layer.  The last layer's units are left out: one per class.\n"
    "model:\n"
    "  - gru 32\n"
    "  - dense softmax\n"
    "\n"
    "optimizer: adam\n"
    "learning_rate: 0.01\n"
    "epochs: 10\n"
    "batch: 16\n"
    "seed: 0                  # the same seed gives the same weights, bit for bit\n"
    "output: run              # the run directory: model, log, checkpoints\n";

static double angle_of(int kind, double s)
{
    switch (kind) {
    case 0:
        return 6.283185307179586 * s; /* circle: turns steadily */
    case 1:
        return fmod(s * 6, 2) < 1 ? 0.9 : -0.9; /* zigzag */
    default:
        return 1.2 * sin(6.283185307179586 * s); /* wave */
    }
}

/* A pen moves in small steps whose direction follows the kind of gesture, from any start. */
static rondo_status sample_gestures(file_writer *w, rng *draw)
{
    static const char *const names[] = { "circle", "zigzag", "wave" };
    RONDO_TRY(task_line(w, "gesture,x,y,label\n"));
    for (int g = 0; g < 180; g++) {
        const int kind = g % 3, steps = 16 + (int)rng_below(draw, 17);
        const double turned = (rng_uniform(draw) - 0.5) * 0.8,
                     speed = 0.8 + 0.4 * rng_uniform(draw);
        double x = rng_normal(draw), y = rng_normal(draw);
        for (int t = 0; t < steps; t++) {
            const double a = turned + angle_of(kind, (double)t / steps) + 0.15 * rng_normal(draw);
            RONDO_TRY(task_line(w, "%d,%.4f,%.4f,%s\n", g + 1, x, y, names[kind]));
            x += speed * cos(a);
            y += speed * sin(a);
        }
    }
    return RONDO_OK;
}

const task_row task_classify = {
    .name = "classify",
    .help = "which of several classes a sequence is",
    .target = TARGET_CLASSES,
    .metrics = "accuracy",
    .recipe = recipe,
    .data = "gestures.csv",
    .sample = sample_gestures,
};
