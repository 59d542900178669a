"""Keras on JAX or on TensorFlow, as KERAS_BACKEND says; whole functions compiled."""

import os

from common import Skip, check_gradients, check_outputs, options, reference, serve, GATES

one = options.threads == 1
if one and hasattr(os, "sched_setaffinity"):  # XLA has no setting of its own that holds everywhere
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["JAX_PLATFORMS"] = "cpu"

import keras
import numpy as np

JAX = keras.backend.backend() == "jax"
if JAX:
    import jax
    import jax.numpy as jnp
else:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
LAYERS = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}


def layer_of(cell, i, h, activation, **more):
    given = {"activation": activation, "recurrent_activation": activation} if activation else {}
    layer = LAYERS[cell](
        h, return_sequences=True, recurrent_initializer="glorot_uniform", **given, **more
    )
    layer.build((None, None, i))
    return layer


def tame(layer, h):
    """Small weights and half-closed forget gates, as in Rondo: every activation stays finite."""
    rng = np.random.default_rng(3)
    w, u, b = layer.get_weights()
    b[:] = rng.uniform(-1, 0.3, b.shape)
    b[h : 2 * h] = rng.uniform(-1, -0.5, h)
    layer.set_weights([0.1 * w, 0.01 * u, b])


def plain(cell, layer):
    w, u, b = (np.asarray(v) for v in layer.get_weights())
    g, h = GATES[cell], u.shape[0]
    b = b.reshape(-1, g, h)
    return (
        w.reshape(-1, g, h),
        u.reshape(h, g, h),
        b[0],
        b[1] if len(b) > 1 else np.zeros_like(b[0]),
    )


def forward(cell, b, t, i, h):
    layer = layer_of(cell, i, h, "")
    x = np.random.default_rng(2).uniform(-1, 1, (b, t, i)).astype(np.float32)
    last = {}
    if JAX:
        weights, data = [v.value for v in layer.trainable_variables], jnp.asarray(x)
        call = jax.jit(
            lambda w, a: layer.stateless_call(
                w, [v.value for v in layer.non_trainable_variables], a
            )[0]
        )

        def once():
            last["y"] = call(weights, data).block_until_ready()

    else:
        data, call = tf.constant(x), tf.function(layer, jit_compile=False)

        def once():
            last["y"] = call(data)

    def check():
        check_outputs(np.asarray(last["y"])[-1], reference(cell, *plain(cell, layer), x[-1]))

    yield "jit" if JAX else "tf.function", once, check


def train(cell, b, t, i, h, activation):
    layer = layer_of(cell, i, h, activation)
    if activation:
        tame(layer, h)
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, (b, t, i)).astype(np.float32)
    dy = rng.uniform(-1, 1, (b, t, h)).astype(np.float32)
    last = {}
    if JAX:
        fixed = [v.value for v in layer.non_trainable_variables]
        weights, data, slope = (
            [v.value for v in layer.trainable_variables],
            jnp.asarray(x),
            jnp.asarray(dy),
        )
        both = jax.jit(
            jax.value_and_grad(
                lambda w, a: (layer.stateless_call(w, fixed, a)[0] * slope).sum(), argnums=(0, 1)
            )
        )

        def run(w, a):
            loss, (gw, ga) = both(w, a)
            return loss, [*gw, ga]

        def once():
            last["all"] = jax.block_until_ready(run(weights, data))

    else:
        weights, data, slope = layer.trainable_variables, tf.constant(x), tf.constant(dy)
        weights = [v.value for v in weights]

        @tf.function(jit_compile=False)
        def both(a):
            with tf.GradientTape() as tape:
                tape.watch(a)
                loss = tf.reduce_sum(layer(a) * slope)
            return loss, tape.gradient(loss, [*weights, a])

        def run(w, a):
            for variable, value in zip(weights, w):
                variable.assign(value)
            return both(a)

        def once():
            last["all"] = both(data)

    def check():
        if activation:
            if not np.isfinite(float(last["all"][0])):
                raise ValueError("the loss is not finite")
            return
        start = [np.asarray(v) for v in (*weights, data)]
        gradients = [np.asarray(g) for g in last["all"][1]]
        length = sum(float((g.astype(np.float64) ** 2).sum()) for g in gradients) ** 0.5

        def moved(far):
            point = [(s + far / length * g).astype(np.float32) for s, g in zip(start, gradients)]
            if JAX:
                point = [jnp.asarray(p) for p in point]
                y = layer.stateless_call(point[:-1], fixed, point[-1])[0]
            else:
                run(point[:-1], tf.constant(point[-1]))
                y = layer(tf.constant(point[-1]))
            return float((np.asarray(y, np.float64) * dy).sum())

        check_gradients(lambda far: (moved(far) - moved(-far)) / (2 * far), length)

    yield "jit" if JAX else "tf.function", once, check


def network(b, t, i, h):
    """train_on_batch, the samples gathered from memory."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 8 * b)
    wave = np.sin((np.arange(i) * (labels[:, None, None] + 1) + np.arange(t)[:, None]) / 8)
    samples = (0.5 * wave + rng.random(wave.shape) - 0.5).astype(np.float32)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((t, i)),
            layers.SimpleRNN(h, return_sequences=True),
            layers.SimpleRNN(h),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    run = {"at": 0, "first": None}

    def once():
        rows = np.arange(run["at"] % 8 * b, run["at"] % 8 * b + b)
        run["at"] += 1
        model.train_on_batch(samples[rows], labels[rows])

    first = model.evaluate(samples, labels, verbose=0)

    def check():
        while run["at"] < 96:
            once()
        if not model.evaluate(samples, labels, verbose=0) < 0.8 * first:
            raise ValueError("it does not learn")

    yield "train_on_batch", once, check


def variants(letter, cell, b, t, i, h, activation):
    if letter == "e":
        return network(b, t, i, h)
    if letter == "f":
        raise Skip("the language model is compared with PyTorch")
    if letter in ("b", "c"):
        return forward(cell, b, t, i, h)
    if letter == "a":
        raise Skip("it has no stream")
    if activation and activation not in dir(keras.activations):
        raise Skip("it has no such activation")
    return train(cell, b, t, i, h, activation)


backend = jax.__version__ if JAX else tf.__version__
serve(
    "Keras",
    f"{keras.__version__}, {keras.backend.backend()} {backend}",
    "functions compiled as a whole; with 1 thread bound to one CPU",
    variants,
)
