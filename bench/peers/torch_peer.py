"""PyTorch: nn.RNN, nn.LSTM, nn.GRU and their cells, the tutorial's network, and a language model.

torch.compile leaves nn.RNN and its like as they are; of the network with its steps written out it
takes a minute to compile, and was no faster than two nn.RNN with a fused Adam. For the language model
torch.set_float32_matmul_precision("medium") took a third longer than autocast."""

from common import Skip, check_gradients, check_outputs, options, reference, serve

import ctypes
import shutil

import numpy as np
import torch
from torch import nn

torch.set_num_threads(options.threads)
torch.manual_seed(1)
LAYERS = {"simple_rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
CELLS = {"simple_rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru": nn.GRUCell}


def plain(cell, module, suffix):
    """The weights as common.reference wants them."""
    h = module.hidden_size
    order = [1, 0, 2] if cell == "gru" else slice(None)

    def gates(name):
        p = getattr(module, name + suffix).detach().numpy()
        return p.reshape(-1, h, *p.shape[1:])[order]

    return (
        gates("weight_ih").transpose(2, 0, 1),
        gates("weight_hh").transpose(2, 0, 1),
        gates("bias_ih"),
        gates("bias_hh"),
    )


def first(state):
    return state[0] if isinstance(state, tuple) else state


def stream(cell, i, h):
    """A step at a time, the state carried: as a cell, and as a layer over one step."""
    for kind in ("cell", "layer"):
        module = CELLS[cell](i, h) if kind == "cell" else LAYERS[cell](i, h)
        shape = (1, h) if kind == "cell" else (1, 1, h)
        zero = torch.zeros(shape)
        run = {"state": None, "x": torch.rand(1, i) if kind == "cell" else torch.rand(1, 1, i)}

        def start():
            run["state"] = (zero, zero) if cell == "lstm" else zero

        def once():
            with torch.inference_mode():
                if kind == "cell":
                    run["state"] = module(run["x"], run["state"])
                    return first(run["state"])
                y, run["state"] = module(run["x"], run["state"])
                return y

        def check():
            start()
            y = [once().flatten().numpy() for _ in range(8)]
            x = np.repeat(run["x"].numpy().reshape(1, -1), 8, 0)
            weights = plain(cell, module, "" if kind == "cell" else "_l0")
            check_outputs(y, reference(cell, *weights, x))

        start()
        yield f"nn.{type(module).__name__}", once, check


def forward(cell, b, t, i, h):
    module, x, last = LAYERS[cell](i, h), torch.rand(t, b, i) * 2 - 1, {}

    def once():
        with torch.inference_mode():
            last["y"] = module(x)[0]

    def check():
        row = x[:, -1].numpy()
        check_outputs(last["y"][:, -1].numpy(), reference(cell, *plain(cell, module, "_l0"), row))

    yield f"nn.{type(module).__name__}, inference_mode", once, check


def train(cell, b, t, i, h):
    module = LAYERS[cell](i, h)
    x = (torch.rand(t, b, i) * 2 - 1).requires_grad_()
    dy, last = torch.rand(t, b, h) * 2 - 1, {}
    moving = [x, *module.parameters()]

    def once():
        for p in moving:
            p.grad = None
        last["y"] = module(x)[0]
        last["y"].backward(dy)

    def check():
        row = x[:, -1].detach().numpy()
        found = last["y"][:, -1].detach().numpy()
        check_outputs(found, reference(cell, *plain(cell, module, "_l0"), row))
        gradients = [p.grad.clone() for p in moving]
        length = sum(float((g.double() ** 2).sum()) for g in gradients) ** 0.5
        start = [p.detach().clone() for p in moving]

        def moved(far):
            with torch.no_grad():
                for p, s, g in zip(moving, start, gradients):
                    p.copy_(s + far / length * g)
                return float((module(x)[0].double() * dy).sum())

        check_gradients(lambda far: (moved(far) - moved(-far)) / (2 * far), length)

    yield f"nn.{type(module).__name__}, backward", once, check


class Network(nn.Module):
    def __init__(self, inputs, units, stacked):
        super().__init__()
        self.stacked = stacked
        self.low = nn.RNN(inputs, units, num_layers=2 if stacked else 1, batch_first=True)
        self.high = None if stacked else nn.RNN(units, units, batch_first=True)
        self.dense = nn.Linear(units, 10)

    def forward(self, x):
        y = self.low(x)[0]
        return self.dense((y if self.stacked else self.high(y)[0])[:, -1])


def network(b, t, i, h):
    """From samples in memory to changed weights."""
    rng = np.random.default_rng(1)
    labels = torch.from_numpy(rng.integers(0, 10, 8 * b))
    wave = np.sin((np.arange(i) * (labels.numpy()[:, None, None] + 1) + np.arange(t)[:, None]) / 8)
    samples = torch.from_numpy((0.5 * wave + rng.random(wave.shape) - 0.5).astype(np.float32))
    loss_of = nn.CrossEntropyLoss()
    for stacked in (False, True):
        for adam in ("fused", "foreach", "for-loop"):
            model = Network(i, h, stacked)
            flags = {"fused": {"fused": True}, "foreach": {"foreach": True}}
            optimizer = torch.optim.Adam(
                model.parameters(), 1e-3, **flags.get(adam, {"foreach": False})
            )
            run = {"at": 0, "first": None, "loss": None}

            def once():
                rows = torch.arange(run["at"] % 8 * b, run["at"] % 8 * b + b)
                run["at"] += 1
                loss = loss_of(model(samples[rows]), labels[rows])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                run["loss"] = loss
                if run["first"] is None:
                    run["first"] = float(loss.detach())

            def check():
                while run["at"] < 96:
                    once()
                if not float(run["loss"].detach()) < 0.8 * run["first"]:
                    raise ValueError("it does not learn")

            layers = "RNN of 2 layers" if stacked else "two RNN"
            yield f"{layers}, Adam {adam}", once, check


class LanguageModel(nn.Module):
    def __init__(self, words, units, sparse):
        super().__init__()
        self.embedding = nn.Embedding(words, units, sparse=sparse)
        self.lstm = nn.LSTM(units, units, num_layers=2)
        self.dense = nn.Linear(units, words)

    def forward(self, x, labels):
        logits = self.dense(self.lstm(self.embedding(x))[0])
        return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def language_loss(model, tokens, labels):
    """In double precision; tokens and labels [B][T]."""
    y = model.embedding.weight.detach().numpy()[tokens]
    for layer in ("_l0", "_l1"):
        weights = plain("lstm", model.lstm, layer)
        y = np.array([reference("lstm", *weights, row) for row in y])
    w, bias = (p.detach().numpy().astype(np.float64) for p in model.dense.parameters())
    logits = y @ w.T + bias
    logits -= logits.max(-1, keepdims=True)
    right = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return float((np.log(np.exp(logits).sum(-1)) - right).mean())


def clip_sparse(parameters, most):
    """nn.utils.clip_grad_norm_ takes no sparse gradients."""
    for p in parameters:
        if p.grad.is_sparse:
            p.grad = p.grad.coalesce()
    values = [p.grad._values() if p.grad.is_sparse else p.grad for p in parameters]
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(values)))
    torch._foreach_mul_(values, (most / (norm + 1e-6)).clamp(max=1.0))


def keep_memory():
    """malloc gives nothing back: a step's large arrays are not fetched from the system anew."""
    trim_threshold, mmap_max = -1, -4
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, 2**31 - 1)


def language(b, t, words, h, numbers):
    """From tokens in memory to changed weights; gradient descent, clipped; zero states."""
    rng = np.random.default_rng(1)
    tokens = (words * rng.random((8 * b, t)) ** 3).astype(np.int64)
    labels = (7 * tokens + 1) % words
    x, y = (torch.from_numpy(a) for a in (tokens, labels))
    compiles = (False, True) if shutil.which("g++") else (False,)
    for compiled in compiles:
        yield language_variant(x, y, b, words, h, numbers, False, compiled, "")
    keep_memory()  # from here on
    for sparse in (False, True):
        for compiled in compiles:
            yield language_variant(
                x, y, b, words, h, numbers, sparse, compiled, ", malloc keeps memory"
            )


def language_variant(x, y, b, words, h, numbers, sparse, compiled, memory):
    model = LanguageModel(words, h, sparse)
    parameters = list(model.parameters())
    run = {"at": 0, "loss": None, "first": None}
    torch._dynamo.reset()  # what was compiled for another model
    forward = torch.compile(model) if compiled else model
    optimizer = torch.optim.SGD(parameters, 1.0, **({} if sparse else {"fused": True}))

    def once():
        first = run["at"] % 8 * b
        run["at"] += 1
        with torch.autocast("cpu", torch.bfloat16, enabled=numbers == "bf16"):
            loss = forward(x[first : first + b].t(), y[first : first + b].t())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if sparse:
            clip_sparse(parameters, 5.0)
        else:
            nn.utils.clip_grad_norm_(parameters, 5.0, foreach=True)
        optimizer.step()
        run["loss"] = loss
        if run["first"] is None:
            run["first"] = float(loss.detach())

    def check():
        while run["at"] < 64 or run["at"] % 8:
            once()
        expected = language_loss(model, x[:b].numpy(), y[:b].numpy())
        once()
        found = float(run["loss"].detach())
        if not abs(found - expected) <= 1e-3 * (1 + expected):
            raise ValueError(f"the loss is {found:.6g}, expected {expected:.6g}")
        if not found < 0.97 * run["first"]:
            raise ValueError("it does not learn")

    embedding = "sparse" if sparse else "dense"
    kind = "autocast bf16" if numbers else "fp32"
    how = ", compiled" if compiled else f", SGD {'for-loop' if sparse else 'fused'}"
    return f"language model in {kind}, {embedding} embedding{how}{memory}", once, check


def trained(cell, b, t, i, h):
    """Two layers and a dense one, for measure_memory; the optimizer that makes no copies."""
    low, dense = LAYERS[cell](i, h, num_layers=2, batch_first=True), nn.Linear(h, 10)
    parameters = [*low.parameters(), *dense.parameters()]
    optimizer, loss_of = torch.optim.Adam(parameters, 1e-3, fused=True), nn.CrossEntropyLoss()
    x, labels = torch.rand(b, t, i), torch.randint(0, 10, (b,))

    def once():
        loss = loss_of(dense(low(x)[0][:, -1]), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return f"nn.{type(low).__name__} of 2 layers, Adam fused", once


def variants(letter, cell, b, t, i, h, activation, numbers=""):
    if letter == "f":
        return language(b, t, i, h, numbers)
    if numbers:
        raise Skip("bf16 is measured where it trains a language model")
    if letter == "e":
        return network(b, t, i, h)
    if letter == "activations" and activation:
        raise Skip("nn.LSTM has tanh and sigmoid only")
    if letter == "a":
        return stream(cell, i, h)
    return (forward if letter in ("b", "c") else train)(cell, b, t, i, h)


serve(
    "PyTorch",
    torch.__version__,
    f"torch.set_num_threads({options.threads}); the best of nn modules, as named",
    variants,
    network=trained,
    numbers=("bf16",),
)
