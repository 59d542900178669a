/* plan - what a recipe comes to: the task, the data, the model and how to train it.  What the recipe
 * leaves open is decided here, from the last layer and the data, and noted for the user. */
#include "task/task.h"
#include <stdarg.h>
#include <string.h>

static void add_line(text_buffer *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_line(text_buffer *lines, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_add_list(lines, format, args);
    va_end(args);
    text_put(lines, "\n", 1);
}

/* ---- The task ---- */
/* NULL while only the data can tell. */
static rondo_status first_guess(const task_row **task, const rondo_recipe *r, const head *h)
{
    const char *name = rondo_recipe_get(r, "task");
    const void *row;
    *task = NULL;
    if (name && strcmp(name, "auto") != 0) {
        RONDO_TRY(registry_get(REGISTRY_TASK, name, &row));
        *task = ((const task_row *)row)->as ? ((const task_row *)row)->as : row;
    } else if (strcmp(h->activation, "softmax") == 0) {
        *task = &task_classify;
    } else if (rondo_recipe_get(r, "window") || rondo_recipe_get(r, "horizon")) {
        *task = &task_forecast;
    }
    return RONDO_OK;
}

/* Targets of nothing but zeros and ones. */
static rondo_status all_bits(bool *yes, const rondo_dataset *d)
{
    cursor c = { 0 };
    sample s;
    *yes = d->n_targets == 1 && d->target[0].type == RONDO_F32;
    rondo_status status = RONDO_OK;
    for (int64_t i = 0; *yes && !status && i < d->count; i++) {
        status = d->get(d, &c, i, &s);
        const field *y = &s.target[0];
        const int64_t n = status ? 0 : y->steps * field_features(&d->target[0]);
        for (int64_t k = 0; *yes && k < n; k++) *yes = y->data[k] == 0 || y->data[k] == 1;
    }
    cursor_free(&c);
    return status;
}

static bool is_scaled(const rondo_recipe *r)
{
    const char *kind = rondo_recipe_get(r, "scale");
    return kind && strcmp(kind, "none") != 0;
}

static bool is_one_number(const field_shape *f)
{
    return f->type == RONDO_F32 && f->shape.rank == 1 && f->shape.dim[0] == 1;
}

rondo_status plan_open(rondo_dataset **data, const plan *p, const char *path, const char *labels,
                       const rondo_dataset *known, target_kind kind)
{
    reader_request request = {
        .path = path,
        .labels = labels,
        .spec = p->reader_spec,
        .before = p->reading,
        .text = p->reads_text,
        .target = kind,
        .no_target = p->task == &task_language, /* its own */
        .classes = known ? known->classes : NULL,
        .n_classes = known ? known->n_classes : 0,
        .features = known ? known->features : NULL,
        .n_features = known ? known->n_features : 0,
        .targets = known ? known->targets : NULL,
        .n_targets = known ? known->n_target_names : 0,
    };
    if (!known) transfer_names(&p->transfer, &request);
    return reader_open(data, &request);
}

static rondo_status open_data(plan *p, const rondo_recipe *r, const head *h)
{
    spool *files = p->files;
    const char *layers = rondo_recipe_get(r, "model"); /* NULL: the base's */
    if (!rondo_recipe_get(r, "data"))
        return rondo_fail(RONDO_E_ARG, "which data? say --data FILE, or --data task:adding to try");
    RONDO_TRY(recipe_spec(&p->reader_spec, r, KEY_READER, NULL));
    if (p->task == &task_language && !rondo_recipe_get(r, "sample_by"))
        p->reading = language_reading(p, r);
    p->reads_text = transfer_reads_text(&p->transfer) || p->task == &task_language ||
                    rondo_recipe_get(r, "tokenizer") || (layers && spec_wants_tokens(layers));
    rondo_dataset *data;
    RONDO_TRY(spool_open(&files[0], rondo_recipe_get(r, "data")));
    RONDO_TRY(spool_open(&files[1], rondo_recipe_get(r, "labels")));
    RONDO_TRY(spool_fail(&files[0],
                         plan_open(&data, p, files[0].path, files[1].path, NULL,
                                   p->task ? p->task->target : TARGET_AUTO),
                         rondo_recipe_get(r, "data")));
    p->data = data;
    if (data->count == 0)
        return rondo_fail(RONDO_E_FORMAT, "%s holds no samples", rondo_recipe_get(r, "data"));
    if (p->task == &task_language) return RONDO_OK; /* its own target */
    if (data->n_targets == 0)
        return rondo_fail(RONDO_E_ARG,
                          "%s: what is to be learnt? say --target COLUMN or --labels FILE%s",
                          rondo_recipe_get(r, "data"),
                          data->text ? ", or --label first where a word in front of each line says "
                                       "it"
                                     : "");
    if (strcmp(h->activation, "sigmoid") == 0) RONDO_TRY(all_bits(&p->bits, data));
    const bool two = p->bits && is_one_number(&data->target[0]);
    p->bits &= !is_scaled(r);
    if (p->task) return RONDO_OK;
    p->task = data->target[0].type == RONDO_I32 || two ? &task_classify : &task_regress;
    if (!two) return RONDO_OK;
    RONDO_TRY(plan_open(&data, p, files[0].path, files[1].path, NULL, TARGET_CLASSES));
    rondo_dataset_free(p->data);
    p->data = data;
    return RONDO_OK;
}

/* ---- Validation: a file of its own, or a part of the data ---- */
static rondo_status split(plan *p, double part)
{
    const int64_t n = p->data->count, held = (int64_t)((double)n * part);
    if (part >= 1 || held < 1 || held >= n)
        return rondo_fail(RONDO_E_ARG,
                          "validation_split is %g: of %lld samples that leaves %lld to "
                          "validate by and %lld to train on",
                          part, (long long)n, (long long)held, (long long)(n - held));
    int64_t *items = alloc_array(n, sizeof *items);
    if (!items) return RONDO_E_NOMEM;
    for (int64_t i = 0; i < n; i++) items[i] = i;
    rng order = rng_new(p->seed, rng_stream(RNG_DATA, 0));
    if (!p->task->in_time_order) rng_shuffle(&order, items, n);
    rondo_status status = dataset_subset(&p->train, p->data, items, n - held);
    if (!status) status = dataset_subset(&p->validation, p->data, items + n - held, held);
    alloc_free(items);
    add_line(&p->notes, "validation: %s %lld samples of the data",
             p->task->in_time_order ? "the last" : "by seed,", (long long)held);
    return status;
}

static rondo_status open_validation(plan *p, const rondo_recipe *r)
{
    double part;
    RONDO_TRY(recipe_real(r, "validation_split", 0, &part));
    if (!rondo_recipe_get(r, "validation")) {
        if (part > 0 && part < 1 && p->data->count == 1 && p->data->text &&
            p->task->in_time_order) {
            add_line(&p->notes, "validation: the last %g of the text", part);
            return corpus_split(&p->train, &p->validation, p->data, part);
        }
        return part > 0 ? split(p, part) : RONDO_OK;
    }
    if (part > 0)
        return rondo_fail(RONDO_E_ARG, "validation and validation_split exclude each other");
    RONDO_TRY(plan_open(&p->validation, p, rondo_recipe_get(r, "validation"),
                        rondo_recipe_get(r, "validation_labels"), p->data, p->task->target));
    if (p->validation->n_targets == 0 && p->task != &task_language)
        return rondo_fail(RONDO_E_ARG, "%s has no targets; say --validation-labels FILE",
                          rondo_recipe_get(r, "validation"));
    return RONDO_OK;
}

static rondo_status weigh_classes(plan *p, const rondo_recipe *r)
{
    const char *how = rondo_recipe_get(r, "class_weight");
    if (!how) return RONDO_OK;
    const bool all = p->train == p->data;
    RONDO_TRY(class_weights(&p->train, how));
    if (all) p->data = p->train;
    return RONDO_OK;
}

/* ---- The model ---- */
static int64_t units_of_data(const plan *p)
{
    const rondo_dataset *d = p->train;
    return p->task == &task_language   ? tokenizer_size(p->pipeline->tokenizer)
           : p->task == &task_classify ? d->n_classes
                                       : field_features(&d->target[0]);
}

static bool has_other_length(const rondo_dataset *d, int i, const field_shape *f)
{
    return d && i < d->n_inputs && d->input[i].shape.dim[0] != f->shape.dim[0];
}

/* Inputs as the data have them; the length is left open when validation or test data have another. */
static rondo_status add_inputs(rondo_model *m, const plan *p)
{
    for (int i = 0; i < p->train->n_inputs; i++) {
        field_shape f = p->train->input[i];
        bool open = has_other_length(p->validation, i, &f);
        for (int k = 0; k < p->n_tests; k++) open |= has_other_length(p->tests[k].data, i, &f);
        if (field_is_sequence(&f) && open) f.shape.dim[0] = 0;
        rondo_input(m, f.type, f.shape);
    }
    return RONDO_OK;
}

/* [N][T] numbers read as T targets of a sample, and a model that answers each of T steps. */
static bool lacks_axis(const rondo_dataset *d, const value_shape *y)
{
    const field_shape *x = &d->input[0], *target = &d->target[0];
    return y->sequence && field_is_sequence(x) && target->type == RONDO_F32 &&
           target->shape.rank == 1 && target->shape.dim[0] > 1 &&
           target->shape.dim[0] == x->shape.dim[0];
}

static rondo_status check_output(const plan *p)
{
    const value_shape *y = model_output_shape(p->pipeline->model, 0);
    if (lacks_axis(p->train, y))
        return rondo_fail(RONDO_E_SHAPE,
                          "the model answers every step, the targets are [N][%lld], that many of a "
                          "sequence: save y as [N][%lld][1] for one of each step, or leave "
                          "return_sequences out of the last recurrent layer",
                          (long long)p->train->target[0].shape.dim[0],
                          (long long)p->train->target[0].shape.dim[0]);
    const int64_t units = units_of_data(p);
    const bool classes = p->train->target[0].type == RONDO_I32;
    const bool fits = !classes           ? y->features == units
                      : y->features == 1 ? units <= 2
                                         : y->features >= units;
    if (!fits)
        return rondo_fail(RONDO_E_SHAPE,
                          "the model ends in %lld units, the data have %lld %s; "
                          "leave the units out (\"%s\") and they are filled in",
                          (long long)y->features, (long long)units,
                          p->task == &task_language ? "tokens"
                          : classes                 ? "classes"
                                                    : "targets",
                          classes ? "dense softmax" : "dense");
    RONDO_TRY(data_check(p->pipeline->model, p->train, true));
    if (!p->validation) return RONDO_OK;
    return rondo_fail_in(data_check(p->pipeline->model, p->validation, true), "validation");
}

static rondo_status build_model(plan *p, char *filled)
{
    RONDO_TRY(plan_fill_tokens(p, filled));
    rondo_model *m = p->pipeline->model = rondo_model_new();
    if (!m) return rondo_fail(RONDO_E_NOMEM, "out of memory");
    RONDO_TRY(add_inputs(m, p));
    return rondo_add_spec(m, p->spec);
}

static rondo_status take_model(plan *p, const rondo_recipe *r, char *filled)
{
    const rondo_status status = transfer_model(p, r, filled);
    alloc_free(filled);
    return status;
}

static rondo_status make_model(plan *p, const rondo_recipe *r, const head *h)
{
    const char *layers = rondo_recipe_get(r, p->transfer.base ? "head" : "model");
    const int64_t classes = units_of_data(p);
    if (p->train->target[0].type == RONDO_I32 && classes > 2 && !rondo_recipe_get(r, "loss") &&
        strcmp(h->activation, "sigmoid") == 0)
        return rondo_fail(RONDO_E_ARG,
                          "a sigmoid tells two classes apart; for %lld classes let the last layer "
                          "be softmax (\"dense softmax\")",
                          (long long)classes);
    const bool one = strcmp(h->activation, "sigmoid") == 0 && classes == 2 &&
                     p->task == &task_classify;
    const bool open = layers && h->dense && !h->has_units;
    char *filled = open ? NULL : alloc_text(layers);
    if (open) RONDO_TRY(head_fill(&filled, layers, one ? 1 : classes));
    if (layers && !filled) return RONDO_E_NOMEM;
    RONDO_TRY(p->transfer.base ? take_model(p, r, filled) : build_model(p, filled));
    RONDO_TRY(recipe_adapt(p->pipeline->model, r));
    RONDO_TRY(pipeline_check_tokens(p->pipeline));
    return check_output(p);
}

/* ---- How to train ---- */
static const char *default_loss(const plan *p, const head *h)
{
    if (p->task != &task_classify && p->task != &task_language)
        return p->bits ? "binary_crossentropy" : "mse";
    if (strcmp(h->activation, "sigmoid") == 0) return "binary_crossentropy";
    return "sparse_categorical_crossentropy";
}

static rondo_status choose_objective(plan *p, const rondo_recipe *r, const head *h)
{
    const char *given = rondo_recipe_get(r, "loss"), *metrics = rondo_recipe_get(r, "metrics");
    static const char of_vectors[] = "categorical_crossentropy";
    const transfer *t = &p->transfer;
    if (given && strncmp(given, of_vectors, sizeof of_vectors - 1) == 0 &&
        p->train->target[0].type == RONDO_I32) {
        p->loss = alloc_format("sparse_%s", given);
        if (!p->loss) return RONDO_E_NOMEM;
        add_line(&p->notes, "loss: %s, the same numbers from labels as from one-hot targets",
                 p->loss);
    }
    if (!given && t->keeps_head) given = t->base->loss;
    if (!metrics && t->keeps_head) metrics = t->base->metrics;
    if (!p->loss) p->loss = alloc_text(given ? given : default_loss(p, h));
    p->metrics = alloc_text(metrics                                ? metrics
                            : p->bits && p->task != &task_classify ? "nll"
                                                                   : p->task->metrics);
    return p->loss && p->metrics ? RONDO_OK : RONDO_E_NOMEM;
}

static rondo_status choose_numbers(plan *p, const rondo_recipe *r)
{
    int64_t seed;
    const int64_t rows = p->task && p->task->batch ? p->task->batch : 32;
    RONDO_TRY(recipe_int(r, "epochs", 10, 1, &p->epochs));
    RONDO_TRY(recipe_int(r, "steps_per_epoch", 0, 0, &p->steps_per_epoch));
    RONDO_TRY(recipe_int(r, "batch", rows, 1, &p->batch));
    RONDO_TRY(recipe_int(r, "bucket", 0, 0, &p->bucket));
    RONDO_TRY(recipe_int(r, "bptt", p->task ? p->task->bptt : 0, p->task && p->task->bptt ? 1 : 0,
                         &p->bptt));
    p->bptt_vary = recipe_flag(r, "bptt_vary");
    RONDO_TRY(recipe_int(r, "threads", 0, 0, &p->threads));
    RONDO_TRY(recipe_int(r, "patience", 0, 0, &p->patience));
    RONDO_TRY(recipe_int(r, "unfreeze", 0, 0, &p->unfreeze));
    p->rates = rondo_recipe_get(r, "rates");
    RONDO_TRY(recipe_int(r, "seed", 0, 0, &seed));
    RONDO_TRY(recipe_real(r, "checkpoint_seconds", 60, &p->checkpoint_seconds));
    p->seed = (uint64_t)seed;
    p->until = rondo_recipe_get(r, "until");
    p->threshold = rondo_recipe_get(r, "threshold");
    p->vectors = rondo_recipe_get(r, "vectors");
    p->compute = rondo_recipe_get(r, "compute");
    if (!p->compute) p->compute = "f32";
    int kind;
    RONDO_TRY(linear_compute(&kind, p->compute));
    return recipe_spec(&p->optimizer, r, KEY_OPTIMIZER,
                       rondo_recipe_get(r, "optimizer") ? rondo_recipe_get(r, "optimizer")
                                                        : "adam");
}

/* The value that a masking layer right behind the first input takes for padding. */
static bool find_mask(double *mask, const rondo_model *m)
{
    for (int i = 0; i < m->n_nodes; i++) {
        const node *n = &m->nodes[i];
        if (!n->layer || strcmp(n->layer->type->name, "masking") != 0 || n->n_in != 1 ||
            n->in[0].node != m->inputs[0])
            continue;
        json_t *options = options_to_json(&n->layer->type->options, n->layer->options);
        *mask = json_number_value(json_object_get(options, "mask_value"));
        json_decref(options);
        return true;
    }
    return false;
}

static rondo_status fit_scalers(plan *p, const rondo_recipe *r)
{
    const char *kind = rondo_recipe_get(r, "scale");
    rondo_pipeline *line = p->pipeline;
    if (p->transfer.base && is_scaled(r))
        return rondo_fail(RONDO_E_ARG, "what begins as another model scales its data as that one "
                                       "does: leave scale out");
    if (p->transfer.base) return transfer_scalers(&p->transfer, line);
    if (!is_scaled(r)) return RONDO_OK;
    if (p->train->input[0].type != RONDO_F32 && p->train->target[0].type != RONDO_F32)
        return rondo_fail(RONDO_E_ARG, "scale is for numbers, these data are tokens and classes; "
                                       "leave it out");
    if (strcmp(kind, "standard") != 0 && strcmp(kind, "minmax") != 0)
        return rondo_fail(RONDO_E_NAME, "unknown scale \"%s\"; there are standard, minmax and none",
                          kind);
    double filler;
    const double *mask = find_mask(&filler, line->model) ? &filler : NULL;
    if (p->train->input[0].type == RONDO_F32)
        RONDO_TRY(scaler_fit_masked(&line->scale_in, kind, p->train, false, 0, mask));
    if (p->train->target[0].type == RONDO_F32)
        RONDO_TRY(scaler_fit_masked(&line->scale_out, kind, p->train, true, 0, mask));
    add_line(&p->notes, "scale: %s, fitted on the training data%s", kind,
             line->scale_out.n ? "; losses and metrics below are in scaled units, "
                                 "rondo eval and predict give the data's own"
                               : "");
    return RONDO_OK;
}

static void note_decisions(plan *p)
{
    const rondo_dataset *d = p->data;
    const tokenizer *how = p->pipeline->tokenizer;
    if (how)
        add_line(&p->notes, "tokenizer: %s, %lld tokens",
                 p->pipeline->unit ? p->pipeline->unit : tokenizer_kind(how),
                 (long long)tokenizer_size(how));
    if (p->task == &task_language)
        language_note(p, &p->notes);
    else if (p->task == &task_classify)
        add_line(&p->notes, "task: classify, %d classes", d->n_classes);
    else
        add_line(&p->notes, "task: %s, %lld target%s", p->task->name,
                 (long long)field_features(&d->target[0]),
                 field_features(&d->target[0]) == 1 ? "" : "s");
    add_line(&p->notes, "loss: %s, metrics: %s, optimizer: %s", p->loss, p->metrics, p->optimizer);
    const rondo_model *m = p->pipeline->model;
    const double all = (double)rondo_parameter_count(m, false),
                 some = (double)rondo_parameter_count(m, true);
    if (some < all)
        add_line(&p->notes, "%.0f of %.0f parameters train (%.1f %%)", some, all, 100 * some / all);
}

static void note_steps(plan *p)
{
    const int64_t batches = (p->train->count - 1) / p->batch + 1;
    if (p->steps_per_epoch > batches)
        add_line(&p->warnings,
                 "steps_per_epoch is %lld, the data make %lld batch%s: an epoch is all of them",
                 (long long)p->steps_per_epoch, (long long)batches, batches == 1 ? "" : "es");
}

/* What is to be said of the formulas among a layer's activations, each once. */
static void note_formulas(plan *p, const rondo_layer *l)
{
    const rondo_function *f, *before;
    for (int i = 0; l->type->functions && (f = l->type->functions(l, i)) != NULL; i++) {
        const char *notes = activation_notes(f);
        int k = 0;
        while (k < i && (before = l->type->functions(l, k)) && !activation_is(before, f->row->name))
            k++;
        for (const char *line = k < i ? NULL : notes; line && *line;) {
            const size_t n = strcspn(line, "\n");
            add_line(&p->warnings, "%s: %s: %.*s", l->name, f->row->name, (int)n, line);
            line += n + (line[n] == '\n');
        }
    }
}

rondo_status plan_make(plan *p, const rondo_recipe *r)
{
    head h;
    *p = (plan){ 0 };
    RONDO_TRY(preset_check(r));
    const char *layers = rondo_recipe_get(r, "model");
    if (!rondo_recipe_get(r, "base")) RONDO_TRY(transfer_refuse(r));
    if (rondo_recipe_get(r, "base"))
        RONDO_TRY(transfer_open(p, r, &h));
    else if (layers)
        RONDO_TRY(rondo_fail_in(head_parse(&h, layers), "model"));
    else
        return rondo_fail(RONDO_E_ARG,
                          "which model? say --model \"gru 64; dense softmax\", or give "
                          "a recipe.yaml");
    if (!p->task) RONDO_TRY(first_guess(&p->task, r, &h));
    RONDO_TRY(choose_numbers(p, r));
    RONDO_TRY(open_data(p, r, &h));
    RONDO_TRY(open_validation(p, r));
    if (!p->train) p->train = p->data;
    RONDO_TRY(plan_open_tests(p, r));
    RONDO_TRY(pipeline_new(&p->pipeline, p->task));
    RONDO_TRY(plan_tokenize(p, r));
    RONDO_TRY(weigh_classes(p, r));
    RONDO_TRY(make_model(p, r, &h));
    RONDO_TRY(plan_check_tests(p));
    RONDO_TRY(choose_objective(p, r, &h));
    preset_note(r, &p->notes);
    note_decisions(p);
    for (int i = 0; i < p->pipeline->model->n_layers; i++)
        note_formulas(p, p->pipeline->model->layers[i]);
    note_steps(p);
    RONDO_TRY(fit_scalers(p, r));
    if (p->notes.status || p->warnings.status) return RONDO_E_NOMEM;
    return plan_identify(p, r);
}

void plan_free(plan *p)
{
    plan_close_tests(p);
    rondo_pipeline_free(p->pipeline);
    transfer_close(&p->transfer);
    rondo_dataset_free(p->validation);
    if (p->train != p->data) rondo_dataset_free(p->train);
    rondo_dataset_free(p->data);
    for (int i = 0; i < 2; i++) spool_close(&p->files[i]);
    alloc_free(p->spec);
    alloc_free(p->optimizer);
    alloc_free(p->loss);
    alloc_free(p->metrics);
    alloc_free(p->reader_spec);
    alloc_free(p->identity);
    text_free(&p->notes);
    text_free(&p->warnings);
    *p = (plan){ 0 };
}
