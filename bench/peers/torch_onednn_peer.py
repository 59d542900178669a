"""oneDNN as PyTorch carries it: the LSTM primitive behind nn.LSTM, called without nn.LSTM's preparations
and with the weights in its own format, as torch.compile would; in fp32 and in bf16."""

from common import Skip, check_outputs, options, reference, serve

import torch
from torch import nn

torch.set_num_threads(options.threads)
torch.manual_seed(1)
LSTM = 2  # among the modes of the operator
TYPES = {"": torch.float32, "bf16": torch.bfloat16}


def prepare(b, t, i, h, kind):
    """call(x, hidden, cell) → outputs, and the weights as common.reference wants them."""
    module = nn.LSTM(i, h).to(kind)
    w, u, bias, other = (p.detach() for p in module.parameters())
    packed = torch.ops.mkldnn._reorder_mkldnn_rnn_layer_weight(w, u, h, False, True, False, [t, b, i])

    def call(x, hidden, cell):
        return torch.ops.aten.mkldnn_rnn_layer(
            x, *packed, bias, other, hidden, cell,
            False, [], LSTM, h, 1, True, False, False, False,
        )  # fmt: skip

    plain = [p.float().numpy().reshape(4, h, *p.shape[1:]) for p in (w, u, bias, other)]
    return call, (plain[0].transpose(2, 0, 1), plain[1].transpose(2, 0, 1), *plain[2:])


def stream(i, h, kind):
    call, weights = prepare(1, 1, i, h, kind)
    zero, x = torch.zeros(1, 1, h, dtype=kind), torch.rand(1, 1, i).to(kind)
    run = {"state": (zero, zero)}

    def once():
        with torch.inference_mode():
            y, *run["state"], _ = call(x, *run["state"])
        return y

    def check():
        run["state"] = (zero, zero)
        y = [once().flatten().float().numpy() for _ in range(8)]
        steps = x.float().numpy().reshape(1, -1).repeat(8, 0)
        check_outputs(y, reference("lstm", *weights, steps), 1e-3 if kind == torch.float32 else 5e-2)

    yield "mkldnn_rnn_layer, weights reordered", once, check


def forward(b, t, i, h, kind):
    call, weights = prepare(b, t, i, h, kind)
    zero, x = torch.zeros(1, b, h, dtype=kind), (torch.rand(t, b, i) * 2 - 1).to(kind)
    last = {}

    def once():
        with torch.inference_mode():
            last["y"] = call(x, zero, zero)[0]

    def check():
        y, row = last["y"][:, -1].float().numpy(), x[:, -1].float().numpy()
        check_outputs(y, reference("lstm", *weights, row), 1e-3 if kind == torch.float32 else 5e-2)

    yield "mkldnn_rnn_layer, weights reordered", once, check


def variants(letter, cell, b, t, i, h, activation, numbers=""):
    if cell != "lstm":
        raise Skip("PyTorch gives oneDNN no other cell")
    if letter == "a":
        return stream(i, h, TYPES[numbers])
    if letter not in ("b", "c"):
        raise Skip("nn.LSTM, in PyTorch's column, is this already")
    return forward(b, t, i, h, TYPES[numbers])


version = next(line for line in torch.__config__.show().split("\n") if "MKL-DNN" in line)
serve(
    "oneDNN in PyTorch",
    f"{version.split('MKL-DNN v')[1].split()[0]}, torch {torch.__version__}",
    f"torch.set_num_threads({options.threads}); weights reordered once, not timed",
    variants,
    numbers=("bf16",),
)
