/* forecast - how a series goes on. */
#include "task/task.h"
#include <math.h>

static const char recipe[] =
    "# A recipe: what to train, on what, and how.  Each key is an option of the command line, too\n"
    "# (rondo train --help lists them all); an option given there wins.  Train it with\n"
    "#     rondo train recipe.yaml\n"
    "task: forecast\n"
    "\n"
    "# The data: a CSV file, one row per hour, oldest first.  Windows of 48 hours are cut from it, "
    "one\n"
    "# beginning at each hour; from each the next hour is to be told.  Paths are relative to this "
    "file.\n"
    "data: demand.csv\n"
    "target: demand\n"
    "features: [temperature, demand]\n"
    "window: 48\n"
    "horizon: 1               # how many steps to look ahead\n"
    "validation_split: 0.2    # the last fifth, in order of time\n"
    "scale: standard          # inputs and target; predictions come back in the target's own "
    "units\n"
    "\n"
    "# The network, layer by layer.  The last layer's units are left out: one per number to tell.\n"
    "model:\n"
    "  - gru 32\n"
    "  - dense\n"
    "\n"
    "optimizer: adam\n"
    "learning_rate: 0.005\n"
    "epochs: 8\n"
    "batch: 32\n"
    "seed: 0                  # the same seed gives the same weights, bit for bit\n"
    "output: run              # the run directory: model, log, checkpoints\n";

/* Power by the hour: a rhythm of days and weeks, more of it when it is cold. */
static rondo_status sample_demand(file_writer *w, rng *draw)
{
    const double turn = 6.283185307179586;
    double weather = 0, noise = 0;
    RONDO_TRY(task_line(w, "hour,temperature,demand\n"));
    for (int h = 0; h < 24 * 70; h++) {
        weather = 0.98 * weather + 0.6 * rng_normal(draw);
        noise = 0.7 * noise + 1.5 * rng_normal(draw);
        const double temperature = 12 + 5 * sin(turn * (h - 9) / 24) + weather;
        const double day = 30 * sin(turn * (h - 7) / 24) + 12 * sin(turn * (h - 6) / 12);
        const double weekend = h / 24 % 7 >= 5 ? -25 : 0;
        const double demand = 200 + day + weekend - 2.5 * (temperature - 12) + noise;
        RONDO_TRY(task_line(w, "%d,%.2f,%.2f\n", h, temperature, demand));
    }
    return RONDO_OK;
}

const task_row task_forecast = {
    .name = "forecast",
    .help = "how a series goes on",
    .target = TARGET_NUMBERS,
    .metrics = "mae",
    .in_time_order = true,
    .recipe = recipe,
    .data = "demand.csv",
    .sample = sample_demand,
};
