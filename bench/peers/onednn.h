/* onednn - a layer of oneDNN's, its memory and primitives: onednn_layer.c makes and runs it, onednn.c
 * times and checks it. */
#ifndef BENCH_PEERS_ONEDNN_H
#define BENCH_PEERS_ONEDNN_H
#include <dnnl.h>
#include <stdbool.h>
#include <stdint.h>

enum { MOST_ARGS = 32, UNITS = 8, RING = 64 };

typedef struct tensor { /* ours, plain; and in the format of a primitive */
    dnnl_memory_desc_t md;
    float *data;
    int64_t n;
    dnnl_memory_t memory;
    dnnl_memory_t wide; /* of data, where the memory is in bf16; else NULL */
} tensor;

typedef struct execution {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[MOST_ARGS];
    int n;
} execution;

typedef struct layer {
    char letter, cell[16];
    int64_t b, t, i, h;
    int gates, biases;
    bool lstm, gru, streams, trains, narrow; /* narrow: bf16 */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    tensor x, w, u, bias, y, dy, dx, dw, du, dbias;  /* [T][B][I] [I][G][H] [H][G][H] [G'][H] … */
    tensor state[2], cells[2], dstate[2], dcells[2]; /* before and after */
    execution forward, other, backward;              /* other: as forward, states the other way */
    dnnl_memory_t fw, fu, bw, bu, bdw, bdu;          /* in the formats of forward and backward */
    int64_t calls;
    bool failed, missing; /* missing: oneDNN has no such primitive */
} layer;

extern char sentence[256]; /* what the last failure says */
bool fail(const char *format, ...);
double uniform(void); /* the next random number in [0, 1) */

bool prepare(layer *); /* of its case: memory, primitives, weights where they are wanted */
void once(layer *);    /* what is timed; sets failed */
void release(layer *);
bool put_weights(const layer *);         /* as they are in w and u, to the primitives */
bool put(const layer *, const tensor *); /* to the numbers that the primitives take … */
bool get(const layer *, const tensor *); /* … and back */
bool reorder(const layer *, dnnl_memory_t from, dnnl_memory_t to);
#endif
