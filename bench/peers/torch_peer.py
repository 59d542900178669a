"""PyTorch: nn.RNN, nn.LSTM, nn.GRU and their cells, and the tutorial's network.

torch.compile leaves nn.RNN and its like as they are; of the network with its steps written out it
takes a minute to compile, and was no faster than two nn.RNN with a fused Adam."""

from common import Skip, check_gradients, check_outputs, options, reference, serve

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


def variants(letter, cell, b, t, i, h, activation):
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
)
