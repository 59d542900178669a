/* stream - a pipeline answers one step at a time; its state can be put away in a file. */
#include "task/task.h"
#include <string.h>

static rondo_status begin(rondo_pipeline *p)
{
    if (p->stream) return RONDO_OK;
    RONDO_TRY(rondo_stream_new(&p->stream, p->model, 1));
    return rondo_stream_threads(p->stream, pool_threads(p->model->pool));
}

rondo_status rondo_pipeline_stream(rondo_pipeline *p, const rondo_real *x, int64_t n,
                                   rondo_prediction *told)
{
    const int64_t inputs = rondo_pipeline_inputs(p);
    const int64_t width = model_output_shape(p->model, 0)->features;
    rondo_type type;
    rondo_shape shape;
    int32_t token;
    RONDO_TRY(begin(p));
    if (n != inputs)
        return rondo_fail(RONDO_E_FORMAT, "%lld numbers; the model takes %lld a step", (long long)n,
                          (long long)inputs);
    RONDO_TRY(rondo_input_shape(p->model, 0, &type, &shape));
    real *scaled = p->row + p->n_columns;
    memcpy(scaled, x, (size_t)n * sizeof *scaled);
    if (p->scale_in.n) scaler_apply(&p->scale_in, scaled, 1);
    token = type == RONDO_I32 && x[0] >= 0 && x[0] < (real)INT32_MAX ? (int32_t)x[0] : -1;
    if (type == RONDO_I32 && (real)token != x[0])
        return rondo_fail(RONDO_E_FORMAT, "%g is no token", (double)x[0]);

    const rondo_array in = type == RONDO_I32
                               ? (rondo_array){ &token, RONDO_I32, { 1, { 1 } }, NULL }
                               : (rondo_array){ scaled, RONDO_F32, { 2, { 1, n } }, NULL };
    rondo_array out = { scaled + n, RONDO_F32, { 2, { 1, width } }, NULL };
    RONDO_TRY(rondo_stream_step(p->stream, &in, &out));
    const char *label = pipeline_read(p, p->row, out.data);
    *told = (rondo_prediction){ 0, -1, label, p->row, p->n_columns };
    return RONDO_OK;
}

/* ---- The state in a file: one tensor, and a digest of the weights it belongs to ---- */
static void weights_digest(char text[65], const rondo_pipeline *p)
{
    sha256_text(text, p->model->weights, (size_t)p->model->n_weights * sizeof(real));
}

rondo_status rondo_pipeline_state_save(rondo_pipeline *p, const char *path)
{
    char digest[65];
    size_t n;
    RONDO_TRY(begin(p));
    const real *state = rondo_stream_state(p->stream, &n);
    weights_digest(digest, p);
    json_t *metadata = json_pack("{s:s, s:s}", "format", "rondo-state", "weights", digest);
    if (!metadata) return rondo_fail(RONDO_E_NOMEM, "out of memory");
    tensor t = {
        .name = "state", .shape = { 1, { (int64_t)n } }, .data = state, .size = n * sizeof(real)
    };
    strcpy(t.type, sizeof(real) == 4 ? "F32" : "F64");
    rondo_status status = tensors_save(path, &t, 1, metadata);
    json_decref(metadata);
    return status;
}

rondo_status rondo_pipeline_state_load(rondo_pipeline *p, const char *path)
{
    char digest[65];
    size_t n;
    const char *saved = NULL;
    tensor_file file;
    RONDO_TRY(begin(p));
    real *state = rondo_stream_state(p->stream, &n);
    const rondo_shape shape = { 1, { (int64_t)n } };
    RONDO_TRY(tensors_open(&file, path));
    weights_digest(digest, p);
    rondo_status status = json_want_text(file.metadata, "weights", &saved);
    if (!status && strcmp(saved, digest) != 0)
        status = rondo_fail(RONDO_E_MISMATCH, "the state is of a model with other weights; "
                                              "remove it to begin anew");
    if (!status) status = tensors_copy(&file, "state", &shape, state);
    tensors_close(&file);
    return rondo_fail_in(status, "%s", path);
}
