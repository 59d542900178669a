/* regress - a number, or several, for a sequence. */
#include "task/task.h"

static const char recipe[] =
    "# A recipe: what to train, on what, and how.  Each key is an option of the command line, too\n"
    "# (rondo train --help lists them all); an option given there wins.  Train it with\n"
    "#     rondo train recipe.yaml\n"
    "task: regress\n"
    "\n"
    "# The data: a CSV file, one row per time step.  Rows with the same `machine` are one "
    "sequence;\n"
    "# sequences may differ in length.  Paths are relative to this file.\n"
    "data: machines.csv\n"
    "sequence: machine\n"
    "target: wear             # the number to be told, the same in every row of a machine\n"
    "features: [load, speed]  # the columns it is told from; without this: all the others\n"
    "validation_split: 0.2    # keep a fifth back, to see how it does on data it has not seen\n"
    "scale: standard          # inputs and target; predictions come back in the target's own "
    "units\n"
    "\n"
    "# The network, layer by layer.  The last layer's units are left out: one per target.\n"
    "model:\n"
    "  - lstm 32\n"
    "  - dense\n"
    "\n"
    "optimizer: adam\n"
    "learning_rate: 0.01\n"
    "epochs: 15\n"
    "batch: 16\n"
    "seed: 0                  # the same seed gives the same weights, bit for bit\n"
    "output: run              # the run directory: model, log, checkpoints\n";

/* Wear grows where a high load meets a high speed, and a little with every step. */
static rondo_status sample_machines(file_writer *w, rng *draw)
{
    RONDO_TRY(task_line(w, "machine,load,speed,wear\n"));
    for (int m = 0; m < 200; m++) {
        double load[32], speed[32], wear = 5, level = 40 + 30 * rng_uniform(draw);
        const int steps = 12 + (int)rng_below(draw, 21);
        for (int t = 0; t < steps; t++) {
            level += 4 * rng_normal(draw);
            load[t] = level;
            speed[t] = 900 + 600 * rng_uniform(draw);
            wear += 0.2 + (load[t] > 50 ? (load[t] - 50) * (speed[t] - 900) / 4000 : 0);
        }
        for (int t = 0; t < steps; t++)
            RONDO_TRY(task_line(w, "%d,%.2f,%.1f,%.3f\n", m + 1, load[t], speed[t], wear));
    }
    return RONDO_OK;
}

const task_row task_regress = {
    .name = "regress",
    .help = "a number, or several, for a sequence",
    .target = TARGET_NUMBERS,
    .metrics = "mae",
    .recipe = recipe,
    .data = "machines.csv",
    .sample = sample_machines,
};
