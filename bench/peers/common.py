"""What the peers in Python share: the protocol, the clock, and a plain reference.

A peer is started with `--threads N --seconds S`.  It says who it is on one line, then answers each
case ("letter,cell,B,T,I,H,activation,numbers" on standard input) with one line: {"us": …, "setting": …,
"settings": {setting: us}} of the best and of all settings, {"bytes": …, "own_bytes": …, "setting": …}, {"skip": why} or {"error": what was wrong}.
"""

import argparse
import gc
import json
import os
import sys
import time

parser = argparse.ArgumentParser()
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--seconds", type=float, default=0.3)
options = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(options.threads)

import numpy as np

SAMPLES, FEWEST = 7, 3
GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}


class Skip(Exception):
    """This peer has no such case."""


def median_us(once):
    """The median of the samples of once(), which returns when all is computed."""

    def time_of(calls):
        begun = time.perf_counter()
        for _ in range(calls):
            once()
        return time.perf_counter() - begun

    share = options.seconds / SAMPLES
    once()
    calls, took = 1, time_of(1)
    while took < share / 4:
        calls *= 2
        took = time_of(calls)
    if took < share:
        calls = int(calls * share / took)
    n = FEWEST if took > options.seconds else SAMPLES
    return 1e6 * sorted(time_of(calls) for _ in range(n))[n // 2] / calls


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def reference(cell, w, u, b, rb, x):
    """y [T][H] of x [T][I] in double precision; w [I][G][H], u [H][G][H], b and rb [G][H].

    Gates in Keras' order: i f c o; z r h with reset_after."""
    w, u, b, rb, x = (np.asarray(a, np.float64) for a in (w, u, b, rb, x))
    h = c = np.zeros(u.shape[0])
    y = []
    for step in x:
        p, q = np.tensordot(step, w, 1) + b, np.tensordot(h, u, 1) + rb
        if cell == "lstm":
            i, f, g, o = p + q
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        elif cell == "gru":
            z, r = sigmoid(p[:2] + q[:2])
            h = z * h + (1 - z) * np.tanh(p[2] + r * q[2])
        else:
            h = np.tanh(p[0] + q[0])
        y.append(h)
    return np.array(y)


def check_outputs(found, expected, most=1e-3):
    found = np.asarray(found, np.float64)
    worst = np.abs(found - expected).max()
    if not worst <= most:
        raise ValueError(f"the outputs are off by {worst:.3g}")


def check_gradients(rise, length):
    """rise(far): by how much the loss rises per unit of way along the gradient."""
    for far in (1e-2, 1e-3, 1e-4):
        found = rise(far)
        if abs(found - length) <= 0.03 * length:
            return
    raise ValueError(
        f"the gradient's length is {length:.6g}, along it the loss rises by {found:.6g}"
    )


def resident(key):
    """VmRSS: the memory of this process; VmHWM: the most so far; in bytes."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(key))


def measure_memory(network, cell, b, t, i, h):
    """The most that steps take above the idle process, and above one that has trained before.

    network(cell, B, T, I, H) gives (setting, once), which returns the loss of a step."""

    def most(*sizes):
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # forgets the most so far
        setting, once = network(cell, *sizes)
        losses = [once() for _ in range(12)]
        if not losses[-1] < losses[0]:
            raise ValueError(f"the loss went from {losses[0]:.3g} to {losses[-1]:.3g}")
        return setting, resident("VmHWM")

    idle = resident("VmRSS")
    most(2, 2, 2, 2)
    gc.collect()
    ready = resident("VmRSS")
    setting, peak = most(b, t, i, h)
    return {"bytes": peak - idle, "own_bytes": peak - ready, "setting": setting}


def parse(line):
    """[letter, cell, B, T, I, H, activation], numbers"""
    letter, cell, *more = line.strip().split(",")
    activation, numbers = (more[4:] + ["", ""])[:2]
    return [letter, cell, *(int(s) for s in more[:4]), activation], numbers


def measure_time(variants, case):
    answer, all_of_them = {"skip": "no such case"}, {}
    for setting, once, check in variants(*case):
        us = median_us(once)
        check()
        all_of_them[setting] = us
        if "us" not in answer or us < answer["us"]:
            answer = {"us": us, "setting": setting}
    return answer | {"settings": all_of_them} if all_of_them else answer


def serve(peer, version, settings, variants, network=None, numbers=()):
    """variants(letter, cell, B, T, I, H, activation[, numbers]) yields (setting, once, check).

    network: as measure_memory wants it; numbers: the kinds that variants knows beside fp32."""
    print(json.dumps({"peer": peer, "version": version, "settings": settings}), flush=True)
    for line in sys.stdin:
        case, kind = parse(line)
        try:
            if kind and kind not in numbers or case[0] == "memory" and not network:
                answer = {"skip": "no such case"}
            elif case[0] == "memory":
                answer = measure_memory(network, *case[1:6])
            else:
                answer = measure_time(variants, [*case, kind] if kind else case)
        except Skip as reason:
            answer = {"skip": str(reason)}
        except Exception as problem:  # the next case may do better
            answer = {"error": f"{type(problem).__name__}: {problem}"[:200]}
        print(json.dumps(answer), flush=True)
