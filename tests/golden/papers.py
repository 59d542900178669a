"""Cells that neither Keras nor PyTorch has, written from their papers' equations; PyTorch differentiates.

A step takes what the input and the state give (w: the weights by Rondo's names, x [N][F], states [N][H])
and returns the next states, of which the first is the output.  Nothing here follows Rondo's order of work:
each gate is a product of its own.
"""

import numpy as np
import torch

import cases

UNITS, STEPS = 4, 10
sigmoid, tanh = torch.sigmoid, torch.tanh


def gates(w, name, n):
    """The matrices (or vectors) of n gates that Rondo keeps side by side."""
    return torch.chunk(w[name], n, dim=-1)


def mgu(w, x, h):
    """Zhou et al. 2016, equations 6 to 8."""
    (wf, wh), (uf, uh), (bf, bh) = (gates(w, k, 2) for k in ("kernel", "recurrent_kernel", "bias"))
    f = sigmoid(h @ uf + x @ wf + bf)
    new = tanh((f * h) @ uh + x @ wh + bh)
    return ((1 - f) * h + f * new,)


def positive(x):
    """Feng et al. 2024, listing 6: g."""
    return torch.where(x >= 0, x + 0.5, sigmoid(x))


def mingru(w, x, h, g=positive):
    """Feng et al. 2024, section 3.1."""
    (wz, wh), (bz, bh) = gates(w, "kernel", 2), gates(w, "bias", 2)
    z = sigmoid(x @ wz + bz)
    return ((1 - z) * h + z * g(x @ wh + bh),)


def mingru_linear(w, x, h):
    return mingru(w, x, h, lambda a: a)


def indrnn(w, x, h):
    """Li et al. 2018, equation 2."""
    return (torch.relu(x @ w["kernel"] + w["recurrent_kernel"] * h + w["bias"]),)


def janet(w, x, h):
    """van der Westhuizen and Lasenby 2018, equation 7."""
    (wf, wc), (uf, uc), (bf, bc) = (gates(w, k, 2) for k in ("kernel", "recurrent_kernel", "bias"))
    f = sigmoid(h @ uf + x @ wf + bf)
    return (f * h + (1 - f) * tanh(h @ uc + x @ wc + bc),)


def peephole_lstm(w, x, h, c):
    """Gers and Schmidhuber 2000; the equations of the ONNX operator LSTM."""
    wi, wf, wc, wo = gates(w, "kernel", 4)
    ui, uf, uc, uo = gates(w, "recurrent_kernel", 4)
    bi, bf, bc, bo = gates(w, "bias", 4)
    pi, pf, po = gates(w, "peephole", 3)
    i = sigmoid(x @ wi + h @ ui + pi * c + bi)
    f = sigmoid(x @ wf + h @ uf + pf * c + bf)
    new = f * c + i * tanh(x @ wc + h @ uc + bc)
    o = sigmoid(x @ wo + h @ uo + po * new + bo)
    return o * tanh(new), new


def layer_norm_lstm(w, x, h, c):
    """Ba et al. 2016, equations 20 to 22."""
    def norm(a):
        return torch.nn.functional.layer_norm(a, a.shape[-1:], eps=1e-3)

    z = w["kernel_gain"] * norm(x @ w["kernel"]) + w["recurrent_gain"] * norm(h @ w["recurrent_kernel"]) + w["bias"]
    i, f, g, o = torch.chunk(z, 4, dim=-1)
    new = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(w["state_gain"] * norm(new) + w["state_bias"]), new


# name: (step, states, {weight: shape}); F features come in.
F = 3
CELLS = {
    "mgu": (mgu, 1, {"kernel": (F, 8), "recurrent_kernel": (4, 8), "bias": (8,)}),
    "mingru": (mingru, 1, {"kernel": (F, 8), "bias": (8,)}),
    "mingru linear": (mingru_linear, 1, {"kernel": (F, 8), "bias": (8,)}),
    "indrnn": (indrnn, 1, {"kernel": (F, 4), "bias": (4,), "recurrent_kernel": (4,)}),
    "janet": (janet, 1, {"kernel": (F, 8), "recurrent_kernel": (4, 8), "bias": (8,)}),
    "peephole_lstm": (peephole_lstm, 2, {"kernel": (F, 16), "recurrent_kernel": (4, 16), "bias": (16,),
                                         "peephole": (12,)}),
    "layer_norm_lstm": (layer_norm_lstm, 2, {
        "kernel": (F, 16), "recurrent_kernel": (4, 16), "kernel_gain": (16,), "recurrent_gain": (16,),
        "state_gain": (4,), "state_bias": (4,), "bias": (16,)}),
}


def paper_cases():
    """All steps and the last states of a layer; and a ragged batch."""
    for spec, (_, states, _) in CELLS.items():
        kind, *more = spec.split()
        for lengths in (None, [2, 5, 3]):
            name = "paper_" + "_".join([kind] + more) + ("_ragged" if lengths else "")
            yield cases.case(name, " ".join([kind, str(UNITS)] + more + ["return_sequences return_state"]),
                             inputs=(cases.RAGGED if lengths else cases.SEQUENCE,), lengths=lengths,
                             outputs=[(1, p) for p in range(states + 1)], cell=spec,
                             optimizer="sgd learning_rate=0.0625 momentum=0.5")


def run(step, states, w, x, lengths):
    """The outputs of all steps (of a row that has ended: zeros) and the last states of each row."""
    s = [torch.zeros(x.shape[0], UNITS, dtype=torch.float64) for _ in range(states)]
    out = []
    for t in range(x.shape[1]):
        on = torch.tensor([[t < n] for n in lengths])
        s = [torch.where(on, new, old) for new, old in zip(step(w, x[:, t], *s), s)]
        out.append(torch.where(on, s[0], torch.zeros_like(s[0])))
    return [torch.stack(out, 1)] + s


def record_paper(case, seed):
    """The tensors of a case, or None when a relu or g sees something too near its kink."""
    rng = np.random.default_rng(seed)
    step, states, shapes = CELLS[case["cell"]]
    lengths = case["lengths"] or [5, 5, 5]
    name = case["cell"].split()[0] + "."
    x = rng.normal(size=(3, 5, F)).astype(np.float32)
    tensors, w = {"input:0": x}, {}
    for k, shape in shapes.items():
        start = rng.uniform(-0.8, 0.8, shape) + (1 if k.endswith("gain") else 0)
        tensors["weight:" + name + k] = start.astype(np.float32)
        w[k] = torch.tensor(tensors["weight:" + name + k], dtype=torch.float64, requires_grad=True)
    inputs = torch.tensor(x, dtype=torch.float64)
    if min(abs(float(v)) for v in (inputs @ w["kernel"] + w.get("bias", 0)).detach().flatten()) < 1e-3:
        return None
    ys = run(step, states, w, inputs, lengths)
    targets = [rng.normal(size=y.shape).astype(np.float32) for y in ys]
    for i, (y, t) in enumerate(zip(ys, targets)):
        tensors[f"output:{i}"], tensors[f"target:{i}"] = y.detach().numpy(), t
    if case["lengths"]:
        tensors["lengths"] = np.array(lengths, np.int64)
    valid = torch.arange(5)[None, :] < torch.tensor(lengths)[:, None]
    optimizer = torch.optim.SGD(w.values(), lr=0.0625, momentum=0.5)
    history = []
    for turn in range(STEPS):
        ys = run(step, states, w, inputs, lengths)
        parts = [((y - torch.tensor(t)) ** 2).mean(-1) for y, t in zip(ys, targets)]
        loss = parts[0][valid].mean() + sum(p.mean() for p in parts[1:])
        optimizer.zero_grad()
        loss.backward()
        if turn == 0:
            tensors.update({"gradient:" + name + k: v.grad.numpy().copy() for k, v in w.items()})
        optimizer.step()
        history.append(float(loss.detach()))
    tensors["losses"] = np.array(history)
    tensors.update({"weight10:" + name + k: v.detach().numpy() for k, v in w.items()})
    return tensors
