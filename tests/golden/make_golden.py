#!/usr/bin/env python3
"""Writes tests/golden/*.safetensors with Keras and PyTorch; README.md says what is in them.

    make_golden.py [FOLDER] [CASE...]      default: beside this script, every case

Weights, inputs and targets are single-precision numbers; everything computed from them is computed and
stored in double precision.
"""
import json
import os
import shlex
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import torch
from keras import ops
from safetensors.numpy import save_file

import cases
import papers

STEPS = 10  # of training
keras.config.set_floatx("float64")
# Keras rounds means and losses to single precision with every backend but TensorFlow, unless told so.
keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
torch.set_num_threads(1)

# ---- Activations, watched for inputs near the points where their derivative jumps ----------------
FUNCTIONS = {
    "leaky_relu(0.05)": lambda x: ops.leaky_relu(x, 0.05),
    "hard_sigmoid": lambda x: ops.clip(x / 6 + 0.5, 0.0, 1.0),  # PyTorch's slope is a float's 1/6
    "hard_sigmoid_k2": lambda x: ops.clip(0.2 * x + 0.5, 0.0, 1.0),
}
KINKS = {"relu": [0], "leaky_relu": [0], "leaky_relu(0.05)": [0], "selu": [0], "hard_sigmoid": [-3, 3],
         "hard_sigmoid_k2": [-2.5, 2.5], "hard_tanh": [-1, 1]}


class Watch:
    """What the activations of a model were given."""

    def __init__(self):
        self.seen = {}

    def activation(self, name):
        function = FUNCTIONS.get(name) or keras.activations.get(name)
        if name not in KINKS:
            return function

        def watched(x):
            self.seen.setdefault(name, []).append(x.detach().numpy().ravel())
            return function(x)

        registered = "kinky_" + "".join(c for c in name if c.isalnum())
        return keras.saving.register_keras_serializable("golden", registered)(watched)

    def fair(self):
        """No input within 1e-3 of a kink, and some on either side of each."""
        for name, arrays in self.seen.items():
            x = np.concatenate(arrays)
            for kink in KINKS[name]:
                if np.abs(x - kink).min() < 1e-3 or not (x < kink).any() or not (x > kink).any():
                    return False
        return True


# ---- Specs to Keras layers -------------------------------------------------------------------------
def split_spec(spec):
    """"lstm 4 tanh stateful merge=sum" → "lstm", [4, "tanh"], {"stateful": True, "merge": "sum"}"""
    flags = {"return_sequences", "return_state", "go_backwards", "stateful", "no_bias", "nesterov",
             "staircase", "mask_zero", "use_ema", "head_bias", "last", "max", "average"}
    kind, *words = shlex.split(spec)
    plain, options = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        if word in flags:
            options[word] = True
        elif not equals:
            plain.append(word)
        else:
            try:
                options[key] = json.loads(value)
            except json.JSONDecodeError:
                options[key] = value
    return kind, plain, options


class GateLSTMCell(keras.layers.LSTMCell):
    """Five activations, as ONNX's f, g and h allow: h = o(.) * h(f(.)*c + i(.)*c(.))."""

    def call(self, x, states, training=False):
        h, c = states
        gates = ops.split(x @ self.kernel + h @ self.recurrent_kernel + self.bias, 4, axis=1)
        i, f, g, o = (self.gate[k](z) for k, z in zip("ifco", gates))
        c = f * c + i * g
        h = o * self.gate["h"](c)
        return h, [h, c]


class GateGRUCell(keras.layers.GRUCell):
    def call(self, x, states, training=False):
        h = states[0]
        xz, xr, xh = ops.split(x @ self.kernel + self.bias[0], 3, axis=1)
        hz, hr, hh = ops.split(h @ self.recurrent_kernel + self.bias[1], 3, axis=1)
        z, r = self.gate["z"](xz + hz), self.gate["r"](xr + hr)
        h = z * h + (1 - z) * self.gate["h"](xh + r * hh)
        return h, [h]


def recurrent(kind, plain, options, watch):
    units = int(plain[0])
    gates = options.pop("activations", None)
    if gates:
        cell = {"lstm": GateLSTMCell, "gru": GateGRUCell}[kind](units)
        cell.gate = {k: watch.activation(v) for k, v in (g.split("=") for g in gates.split())}
        return keras.layers.RNN(cell, **options)
    merge = options.pop("merge", None)
    if len(plain) > 1:
        options["activation"] = plain[1]
    for key in ("activation", "recurrent_activation"):
        if key in options:
            options[key] = watch.activation(options[key])
    options["use_bias"] = not options.pop("no_bias", False)
    layer = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM,
             "gru": keras.layers.GRU}[kind](units, **options)
    return keras.layers.Bidirectional(layer, merge_mode=merge) if merge else layer


class TorchPReLU(keras.layers.Layer):
    """torch.nn.PReLU() with its default of one slope for all."""

    def build(self, _):
        self.alpha = self.add_weight(shape=(1,), name="alpha")

    def call(self, x):
        return torch.nn.functional.prelu(x, self.alpha.value)


class Probabilities(torch.nn.AdaptiveLogSoftmaxWithLoss):
    def forward(self, x):
        return self.log_prob(x).exp()


class AdaptiveSoftmax(keras.layers.Layer):
    """PyTorch's, with weights as Rondo keeps them: transposed."""

    def __init__(self, classes, cutoffs, div_value=4.0, head_bias=False):
        super().__init__()
        self.cutoffs = [int(c) for c in str(cutoffs).split()]
        self.make = lambda features: Probabilities(features, classes, self.cutoffs, div_value, head_bias,
                                                   dtype=torch.float64)

    def build(self, shape):
        module, self.named = self.make(shape[-1]), {}
        self.run = lambda weights, x: torch.func.functional_call(module, weights, (x,))  # Keras would wrap it
        for name, w in module.named_parameters():
            parts = name.split(".")  # head.weight, tail.0.0.weight (projection), tail.0.1.weight
            ours = {"head.weight": "head-kernel", "head.bias": "head-bias"}.get(name) or (
                f"tail_{parts[1]}-" + ("projection" if parts[2] == "0" else "kernel"))
            self.named[name] = self.add_weight(shape=w.shape[::-1], name=ours)

    def call(self, x):
        weights = {name: v.value.T if v.value.ndim == 2 else v.value for name, v in self.named.items()}
        y = self.run(weights, x.reshape(-1, x.shape[-1]))
        return y.reshape(*x.shape[:-1], -1)


class Pool(keras.layers.Layer):
    """Keras' global pooling, side by side. Its maximum knows no masks: masked steps are put out of its way."""

    def __init__(self, last=False, max=False, average=False):
        super().__init__()
        self.last, self.max, self.average, self.supports_masking = last, max, average, True

    def call(self, x, mask=None):
        valid = torch.ones(x.shape[:2], dtype=torch.bool) if mask is None else mask
        parts = []
        if self.last:
            at = torch.where(valid, torch.arange(x.shape[1]), -1).max(1).values
            parts.append(x[torch.arange(x.shape[0]), at])
        if self.max:
            parts.append(keras.layers.GlobalMaxPooling1D()(torch.where(valid[..., None], x, -torch.inf)))
        if self.average:
            parts.append(keras.layers.GlobalAveragePooling1D()(x, mask=mask))
        return torch.cat(parts, -1)

    def compute_mask(self, *_):
        return None


def prelu(spec):
    """One slope per unit; Keras counts the axes from after the batch, where time may be one."""
    class PerUnit(keras.layers.PReLU):
        def build(self, shape):
            self.shared_axes = [1] if len(shape) == 3 else None
            super().build(shape)

    return PerUnit() if spec == "prelu(0)" else TorchPReLU()


def make_layer(spec, watch):
    kind, plain, options = split_spec(spec)
    if kind == "activation":
        return prelu(plain[0])
    if kind in ("simple_rnn", "lstm", "gru"):
        return recurrent(kind, plain, options, watch)
    if kind == "dense":
        activation = watch.activation(plain[1]) if len(plain) > 1 else None
        return keras.layers.Dense(int(plain[0]), activation, use_bias=not options.get("no_bias"))
    if kind == "adaptive_softmax":
        return AdaptiveSoftmax(int(plain[0]), **options)
    if kind == "embedding":
        return keras.layers.Embedding(output_dim=int(plain[0]), **options)
    return {"masking": keras.layers.Masking, "layer_normalization": keras.layers.LayerNormalization,
            "pool": Pool, "glu": lambda: keras.layers.Activation("glu"), "concat": keras.layers.Concatenate,
            "add": keras.layers.Add}[kind](**options)


class TorchCrossEntropy(keras.losses.Loss):
    """PyTorch's, of labels, which Keras' sparse one does not smooth; y are probabilities."""
    def __init__(self, label_smoothing, **options):
        super().__init__(**options)
        self.label_smoothing = label_smoothing

    def call(self, labels, y):
        return torch.nn.functional.cross_entropy(
            y.log().flatten(0, -2), labels.flatten().long(), label_smoothing=self.label_smoothing,
            reduction="none").reshape(y.shape[:-1])


def make_loss(spec):
    kind, _, options = split_spec(spec)
    if kind == "sparse_categorical_crossentropy" and options:
        return TorchCrossEntropy(dtype="float64", **options)
    return {"mse": keras.losses.MeanSquaredError, "mae": keras.losses.MeanAbsoluteError,
            "huber": keras.losses.Huber, "binary_crossentropy": keras.losses.BinaryCrossentropy,
            "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
            "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy}[kind](
                dtype="float64", **options)


class TorchASGD:
    """PyTorch's, by the names and numbers of a spec, with the two methods of Keras' that are called."""
    def __init__(self, learning_rate, **options):
        self.options = dict(lr=learning_rate, **options)
        self.optimizer = None

    def apply(self, gradients, variables):
        values = [v.value for v in variables]
        if self.optimizer is None:
            self.optimizer = torch.optim.ASGD(values, **self.options)
        for value, gradient in zip(values, gradients):
            value.grad = gradient
        self.optimizer.step()
        for value in values:
            value.grad = None

    def averages(self, variables):
        return [self.optimizer.state[v.value]["ax"] for v in variables]


def averages(optimizer, variables):
    """Of the weights, in the order of variables; None when the optimizer keeps none."""
    if isinstance(optimizer, TorchASGD):
        return optimizer.averages(variables)
    return [v.value for v in optimizer._model_variables_moving_average] if optimizer.use_ema else None


def make_optimizer(spec):
    kind, _, options = split_spec(spec)
    if kind == "asgd":
        return TorchASGD(**options)
    cls = {"sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam,
           "adamw": keras.optimizers.AdamW}[kind]
    if "schedule" in options:
        rate = options["learning_rate"]
        schedule, _, terms = split_spec(options.pop("schedule"))
        if "warmup_steps" in terms:
            terms["warmup_target"], rate = rate, 0.0
        options["learning_rate"] = {
            "cosine": keras.optimizers.schedules.CosineDecay,
            "exponential": keras.optimizers.schedules.ExponentialDecay}[schedule](rate, **terms)
    return cls(**options)


# ---- A model: the nodes of a case, applied one after another ---------------------------------------
def mask_after(x, lengths):
    mask = torch.arange(x.shape[1])[None, :] < torch.tensor(lengths)[:, None]
    keras.src.backend.set_keras_mask(x, mask)


class Model:
    def __init__(self, case, watch):
        self.case = case
        self.layers, self.names = [], []
        n, count = len(case["inputs"]), {}
        for spec, _ in case["nodes"]:
            if spec.startswith("="):
                self.layers.append(self.layers[int(spec[1:]) - n])
                self.names.append(None)
                continue
            kind = spec.split()[0]
            k = count[kind] = count.get(kind, -1) + 1
            self.layers.append(make_layer(spec, watch))
            self.names.append(f"{kind}_{k}" if k else kind)

    def __call__(self, inputs, lengths=None):
        values = []
        for i, x in enumerate(inputs):
            x = torch.tensor(x, dtype=torch.float64 if x.dtype.kind == "f" else torch.int64)
            if lengths and i == 0:
                mask_after(x, lengths)
            values.append([x])
        for layer, (_, sources) in zip(self.layers, self.case["nodes"]):
            x = [values[node][port] for node, port in sources]
            if isinstance(layer, (keras.layers.RNN, keras.layers.Bidirectional)) and len(x) > 1:
                y = layer(x[0], initial_state=x[1:])
            elif getattr(layer, "stateful", False) and layer.built:
                # A copy of what it would use anyway: it overwrites its states, which autograd still needs.
                y = layer(x[0], initial_state=[s.value.detach().clone() for s in layer.states])
            else:
                y = layer(x if len(x) > 1 else x[0])
            if isinstance(layer, keras.layers.Embedding) and lengths:
                mask_after(y, lengths)  # Keras forgets the mask of tokens here
            values.append(list(y) if isinstance(y, (list, tuple)) else [y])
        return [values[node][port] for node, port in self.case["outputs"]]

    def weights(self):
        """Rondo's names and Keras' variables; a GRU's two biases are two names for rows of one."""
        for name, layer in zip(self.names, self.layers):
            if name is None:
                continue
            parts = [("", layer)]
            if isinstance(layer, keras.layers.Bidirectional):
                parts = [("forward.", layer.forward_layer), ("backward.", layer.backward_layer)]
            for prefix, part in parts:
                for v in part.trainable_variables:
                    full = f"{name}.{prefix}{v.name.replace('-', '.')}"  # PyTorch forbids dots
                    if v.name == "alpha" and len(v.shape) == 2:
                        yield full, v, 0  # the axis of time has one
                    elif v.name == "bias" and len(v.shape) == 2:
                        yield full, v, 0
                        yield full.replace(".bias", ".recurrent_bias"), v, 1
                    else:
                        yield full, v, None

    def variables(self):
        return list({id(v): v for _, v, _ in self.weights()}.values())

    def reset(self):
        for layer in self.layers:
            if getattr(layer, "stateful", False):
                layer.reset_state()


def array(x):
    return np.ascontiguousarray(x.detach().numpy() if isinstance(x, torch.Tensor) else x)


def single(x):
    return np.asarray(x, np.float32)


def draw_input(rng, case, kind, shape, i, rows):
    steps = max(case["lengths"]) if case.get("lengths") else 5
    shape = [rows] + [d or steps for d in shape]
    if kind == "i32":
        return rng.integers(0, split_spec(case["nodes"][0][0])[2]["input_dim"], shape, dtype=np.int32)
    x = single(rng.normal(size=shape))
    if case.get("mask") and i == 0:
        x[np.array(case["mask"]) == 0] = case.get("mask_value", 0)
    return x


def draw_target(rng, case, loss, shape):
    if loss.startswith("sparse"):
        return rng.integers(0, shape[-1], shape[:-1], dtype=np.int32)
    if loss.startswith("categorical"):
        if case.get("soft"):
            return single(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))
        return single(np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])])
    if loss.startswith("binary"):
        return single(rng.integers(0, 2, shape))
    return single(rng.normal(size=shape))


def draw_weights(rng, model, scale):
    for name, v, row in model.weights():
        if not row:
            w = rng.uniform(-scale, scale, v.shape)
            v.assign(single(1 + w / 2 if name.endswith("gamma") else w).astype(np.float64))


def save_weights(tensors, model, prefix, values=None, dtype=np.float64):
    """values: of model.variables(), in their order; their own when None."""
    values = values or [v.value for v in model.variables()]
    place = {id(v): array(x) for v, x in zip(model.variables(), values)}
    for name, v, row in model.weights():
        x = place[id(v)]
        tensors[prefix + name] = np.ascontiguousarray(x if row is None else x[row], dtype)


def record(case, seed):
    """The tensors of a case, or None when this seed puts something too near a kink or diverges."""
    rng, watch = np.random.default_rng(seed), Watch()
    rows = case.get("rows", 3)
    lengths = case.get("lengths")
    batches = [[draw_input(rng, case, kind, shape, i, rows) for i, (kind, shape) in
                enumerate(case["inputs"])] for _ in range(case.get("batches", 1))]
    model = Model(case, watch)
    model(batches[0], lengths)  # builds
    draw_weights(rng, model, case.get("scale", 0.8))

    tensors = {}
    save_weights(tensors, model, "weight:", dtype=np.float32)
    watch.seen.clear()
    model.reset()
    for b, inputs in enumerate(batches):
        suffix = "" if b == 0 else str(b + 1)
        for i, x in enumerate(inputs):
            tensors[f"input{suffix}:{i}"] = x
        for i, y in enumerate(model(inputs, lengths)):
            tensors[f"output{suffix}:{i}"] = array(y)
    if not watch.fair():
        return None
    if lengths:
        tensors["lengths"] = np.array(lengths, np.int64)
    sample_weights = None
    if case.get("sample_weights"):
        sample_weights = tensors["sample_weights"] = single(rng.uniform(0.2, 2, rows))
    specs = case["loss"].split("; ")
    specs = specs * (len(case["outputs"]) // len(specs))
    losses = [make_loss(s) for s in specs]
    targets = [draw_target(rng, case, s, tensors[f"output:{i}"].shape) for i, s in enumerate(specs)]
    for i, t in enumerate(targets):
        tensors[f"target:{i}"] = t

    def total_loss(inputs):
        weights = sample_weights
        total = 0
        for f, t, y in zip(losses, targets, model(inputs, lengths)):
            if weights is not None and y.ndim == 3:
                weights = np.repeat(sample_weights[:, None], y.shape[1], 1)
            total = total + f(t, y, sample_weight=weights)
        return total

    variables = model.variables()
    values = [v.value for v in variables]
    model.reset()
    gradients = torch.autograd.grad(total_loss(batches[0]), values, allow_unused=True)
    gradients = [torch.zeros_like(v) if g is None else g for g, v in zip(gradients, values)]
    save_weights(tensors, model, "gradient:", gradients)

    model.reset()
    optimizer, history = make_optimizer(case["optimizer"]), []
    for step in range(STEPS):
        loss = total_loss(batches[step % len(batches)])
        optimizer.apply(list(torch.autograd.grad(loss, values, allow_unused=True)), variables)
        history.append(float(loss.detach()))
    tensors["losses"] = np.array(history)
    save_weights(tensors, model, "weight10:")
    if averages(optimizer, variables):
        save_weights(tensors, model, "average10:", averages(optimizer, variables))
    return tensors if np.abs(history).max() < 2 * history[0] else None


def describe(case, made_with):
    n = len(case["inputs"])
    nodes = []
    for spec, sources in case["nodes"]:
        node = {"inputs": [list(s) for s in sources]}
        node.update({"same": int(spec[1:])} if spec.startswith("=") else {"spec": spec})
        nodes.append(node)
    loss = case["loss"]
    if ";" not in loss:
        loss = "; ".join([loss] * len(case["outputs"]))
    return {"model": json.dumps({
        "inputs": [{"type": kind, "shape": shape} for kind, shape in case["inputs"]],
        "nodes": nodes, "outputs": [list(o) for o in case["outputs"]], "loss": loss,
        "optimizer": case["optimizer"], "made_with": made_with})}


# ---- PyTorch's own modules -------------------------------------------------------------------------
def keras_layout(kind, x):
    """Columns from PyTorch's gate order to Keras': only the GRU's differ (r, z, n → z, r, h)."""
    if kind != "GRU":
        return x
    r, z, n = torch.chunk(x, 3, dim=-1)
    return torch.cat([z, r, n], dim=-1)


def torch_weights(kind, module, of):
    """Rondo's names of a module's weights, or (of=gradient) of their gradients."""
    rondo = {"RNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}[kind]
    out = {}
    for layer in range(module.num_layers):
        name = rondo + (f"_{layer}" if layer else "")
        for way in range(2 if module.bidirectional else 1):
            suffix = f"_l{layer}" + ("_reverse" if way else "")
            prefix = name + ("." + ("forward", "backward")[way] if module.bidirectional else "") + "."
            get = lambda w: keras_layout(kind, of(getattr(module, w + suffix)).T)
            out[prefix + "kernel"] = get("weight_ih")
            out[prefix + "recurrent_kernel"] = get("weight_hh")
            if kind == "GRU":
                out[prefix + "bias"], out[prefix + "recurrent_bias"] = get("bias_ih"), get("bias_hh")
            else:  # b_hh is frozen at zero, so that the sum of both trains as one bias does
                out[prefix + "bias"] = get("bias_ih")
    return {k: np.ascontiguousarray(array(v)) for k, v in out.items()}


def record_torch(case, seed):
    """A sequence of outputs, the top layer's last states, gradients and ten losses by SGD."""
    rng = np.random.default_rng(seed)
    kind, ways, lengths = case["kind"], case["directions"], case["lengths"]
    extra = {"nonlinearity": "relu"} if case.get("relu") else {}
    module = getattr(torch.nn, kind)(3, 4, num_layers=case["layers"], bidirectional=ways == 2,
                                     batch_first=True, dtype=torch.float64, **extra)
    for name, w in module.named_parameters():
        frozen = kind != "GRU" and name.startswith("bias_hh")
        w.data = torch.tensor(single(rng.uniform(-0.8, 0.8, w.shape)) * (not frozen)).double()
        w.requires_grad_(not frozen)
    x = single(rng.normal(size=(3, 5, 3)))
    inputs = torch.tensor(x, dtype=torch.float64)
    if lengths:
        inputs = torch.nn.utils.rnn.pack_padded_sequence(inputs, lengths, True, False)

    def outputs():
        y, states = module(inputs)
        if lengths:
            y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, True)
        states = states if kind == "LSTM" else (states,)
        # h_n is [layer and direction][N][H]; Keras lists h, c of the forward direction, then the other.
        return [y] + [s[-ways + way] for way in range(ways) for s in states]

    tensors = {"input:0": x}
    for name, w in torch_weights(kind, module, lambda w: w.data).items():
        tensors["weight:" + name] = single(w)
    ys = outputs()
    targets = [single(rng.normal(size=y.shape)) for y in ys]
    for i, (y, t) in enumerate(zip(ys, targets)):
        tensors[f"output:{i}"], tensors[f"target:{i}"] = array(y), t
    if lengths:
        tensors["lengths"] = np.array(lengths, np.int64)

    def total_loss():
        ys = outputs()
        total = sum(torch.mean((y - torch.tensor(t)) ** 2) for y, t in zip(ys[1:], targets[1:]))
        square = torch.mean((ys[0] - torch.tensor(targets[0])) ** 2, -1)
        valid = torch.arange(5)[None, :] < torch.tensor(lengths or [5, 5, 5])[:, None]
        return total + square[valid].mean()

    optimizer = torch.optim.SGD([w for w in module.parameters() if w.requires_grad], lr=0.1, momentum=0.9)
    history = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = total_loss()
        loss.backward()
        if step == 0:
            for name, g in torch_weights(kind, module, lambda w: w.grad).items():
                tensors["gradient:" + name] = g
        optimizer.step()
        history.append(float(loss.detach()))
    tensors["losses"] = np.array(history)
    for name, w in torch_weights(kind, module, lambda w: w.data).items():
        tensors["weight10:" + name] = w
    return tensors


def rondo_case(torch_case):
    """The same stack in Rondo's words."""
    c = torch_case
    kind = {"RNN": "simple_rnn", "LSTM": "lstm", "GRU": "gru"}[c["kind"]]
    spec = kind + " 4" + (" relu" if c.get("relu") else "") + " return_sequences"
    spec += " merge=concat" if c["directions"] == 2 else ""
    states = (2 if c["kind"] == "LSTM" else 1) * c["directions"]
    chain = "; ".join([spec] * (c["layers"] - 1) + [spec + " return_state"])
    name = "torch_" + kind + ("_relu" if c.get("relu") else "") + ("_stacked" if c["layers"] > 1 else "")
    name += ("_merge" if c["directions"] == 2 else "") + ("_packed" if c["lengths"] else "")
    return cases.case(name, chain, inputs=(cases.RAGGED if c["lengths"] else cases.SEQUENCE,),
                      outputs=[(c["layers"], p) for p in range(states + 1)], lengths=c["lengths"],
                      optimizer="sgd learning_rate=0.1 momentum=0.9")


# ---- Functions alone: values and, for given gradients of them, gradients of x ----------------------
def sparsemax(x):
    """Martins and Astudillo 2016, algorithm 1.  Keras 3.15 adds up cumulative sums: its rows do not sum to 1."""
    z = torch.sort(x, -1, descending=True).values
    over = torch.cumsum(z, -1) - 1
    k = (z * torch.arange(1, x.shape[-1] + 1) > over).sum(-1, keepdim=True)
    return torch.clamp(x - over.gather(-1, k - 1) / k, min=0)


def save_functions(path):
    rng = np.random.default_rng(1)
    x, dy = single(2 * rng.normal(size=(16, 6))), single(rng.normal(size=(16, 6)))
    tensors = {"x": x, "dy": dy}
    names = {"k": keras.activations, "F": torch.nn.functional, "torch": torch, "sparsemax": sparsemax}
    for i, text in enumerate(cases.FUNCTIONS.values()):
        at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        y = eval(text, names, {"x": at})
        tensors[f"y:{i}"] = array(y)
        tensors[f"dx:{i}"] = array(torch.autograd.grad(y, at, torch.tensor(dy).double())[0])
    path.parent.mkdir(exist_ok=True)
    save_file(tensors, path, {"functions": json.dumps(list(cases.FUNCTIONS))})


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else __file__ + "/..").resolve()
    wanted = set(sys.argv[2:])
    jobs = [(c, record, f"keras {keras.__version__}", c) for c in cases.keras_cases()]
    jobs += [(c, record_torch, f"torch {torch.__version__.split('+')[0]}", rondo_case(c))
             for c in cases.torch_cases()]
    jobs += [(c, papers.record_paper, f"torch {torch.__version__.split('+')[0]}", c)
             for c in papers.paper_cases()]
    total = 0
    if not wanted or "functions" in wanted:
        save_functions(folder / "functions" / "functions.safetensors")
    for source, make, made_with, case in jobs:
        if wanted and case["name"] not in wanted:
            continue
        tensors = next((t for t in (make(source, seed) for seed in range(300)) if t), None)
        if tensors is None:
            sys.exit(f"{case['name']}: no seed keeps away from kinks and converges")
        clip = [v for k, v in split_spec(case["optimizer"])[2].items() if "clip" in k]
        norm = np.sqrt(sum((g ** 2).sum() for k, g in tensors.items() if k.startswith("gradient:")))
        if not all(np.isfinite(t).all() for t in tensors.values()) or (clip and norm < 2 * clip[0]):
            sys.exit(f"{case['name']}: {tensors['losses']}, gradient {norm:g}")
        path = folder / f"{case['name']}.safetensors"
        save_file(tensors, path, describe(case, made_with))
        total += path.stat().st_size
        print(f"{case['name']:44} {path.stat().st_size:6} bytes  loss {tensors['losses'][0]:.4f} → "
              f"{tensors['losses'][-1]:.4f}  gradient {norm:.3f}")
    print(f"{total} bytes")


if __name__ == "__main__":
    main()
