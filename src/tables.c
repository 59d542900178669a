/* The one file that knows every table. */
#include "cell/cell.h"
#include "data/data.h"
#include "format/format.h"
#include "insight/insight.h"
#include "layer/layer.h"
#include "loss/loss.h"
#include "task/task.h"
#include "train/train.h"

void rondo_tables(void)
{
    activation_register_all();
    cell_register_all();
    initializer_register_all();
    layer_register_all();
    adapter_register_all();
    loss_register_all();
    metric_register_all();
    optimizer_register_all();
    schedule_register_all();
    callback_register_all();
    reader_register_all();
    generator_register_all();
    format_register_all();
    task_register_all();
    preset_register_all();
    insight_register_all();
}
