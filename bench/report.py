"""docs/PERFORMANCE.md out of the results of run.py."""

import datetime
import json
import math
import os
import re
import subprocess

TITLES = {
    "a": "(a) One step of a stream: batch 1, one call of the stream function",
    "b": "(b) One sequence: batch 1, 100 steps",
    "c": "(c) Batched sequences: forward",
    "d": "(d) Training one layer: forward and backward, gradients of weights and inputs",
    "e": "(e) The tutorial's network, a whole training step: gather, forward, loss, backward, Adam",
}
QUOTED = """## Not measured here

KANN and RTNeural are in neither Debian nor PyPI. Earlier figures, from another session on a machine of the same kind
(2 × AMD EPYC Zen 5, 1 thread; KANN r557, RTNeural 1fb1f07 with sizes fixed at compile time), in µs, as quoted, not as
measured in this run:

| (a) one step | H=32 | 64 | 128 | 256 | 512 |
|---|---|---|---|---|---|
| LSTM, RTNeural (the better of Eigen and xsimd) | 0.11 | 0.89 | 4.31 | 22.3 | - |
| LSTM, KANN | 1.22 | 3.26 | 10.2 | 38.7 | 176 |
| GRU, RTNeural (the better of Eigen and xsimd) | 0.10 | 0.66 | 3.26 | 15.5 | - |
| GRU, KANN | 0.94 | 2.51 | 7.79 | 29.9 | 131 |

| (d) training, KANN with OpenBLAS | 20,35,200,200 | 20,35,650,650 | 32,100,64,64 | 64,28,28,128 | 16,400,2,100 |
|---|---|---|---|---|---|
| RNN | 2962 | 23240 | 1819 | 2131 | 7615 |
| LSTM | 11870 | 119500 | 9115 | 10280 | 32930 |
| GRU | 8149 | 81050 | 7035 | 7480 | 24530 |
"""


def number(us):
    return f"{us:.3g}" if us < 1000 else f"{us:.0f}"


def parts(case):
    letter, cell, *sizes = case.split(",")
    return letter, cell, sizes[:4], sizes[4] if len(sizes) > 4 else ""


def ratio(rondo, answer):
    return answer["us"] / rondo["us"] if "us" in rondo and "us" in answer else None


def cell_text(rondo, answer):
    found = ratio(rondo, answer)
    if found is None:
        return "wrong" if "error" in answer else "-"
    text = f"{found:.2f}×"
    return f"{number(answer['us'])} ({'**' + text + '**' if found < 1 else text})"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def used(results, names):
    """The peers that have at least one figure there."""
    return [n for n in names if any("us" in r["answers"][n] for r in results)]


def table(results, names):
    names = used(results, names)
    lines = [
        "| cell | B,T,I,H | Rondo | GFLOP/s | of peak | " + " | ".join(names) + " | best peer |",
        "|" + "---|" * (6 + len(names)),
    ]
    for r in results:
        _, cell, sizes, _ = parts(r["case"])
        rondo = r["answers"]["Rondo"]
        ratios = [x for x in (ratio(rondo, r["answers"][n]) for n in names) if x]
        mine = (
            ["refused", "-", "-"]
            if "us" not in rondo
            else [
                number(rondo["us"]),
                f"{rondo['gflops']:.0f}",
                f"{100 * rondo['gflops'] / rondo['peak']:.0f} %",
            ]
        )
        best = f"{min(ratios):.2f}×" if ratios else "-"
        if ratios and min(ratios) < 1:
            best = f"**{best}**"
        row = [
            cell,
            ",".join(sizes),
            *mine,
            *(cell_text(rondo, r["answers"][n]) for n in names),
            best,
        ]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def summary(results, names):
    lines = [
        "| cases | threads | against | geometric mean | worst | slower in |",
        "|---|---|---|---|---|---|",
    ]
    for letter in TITLES:
        for threads in sorted({r["threads"] for r in results}):
            here = [r for r in results if parts(r["case"])[0] == letter and r["threads"] == threads]
            for name in used(here, names):
                ratios = [
                    x for x in (ratio(r["answers"]["Rondo"], r["answers"][name]) for r in here) if x
                ]
                if not ratios:
                    continue
                slower = sum(x < 1 for x in ratios)
                text = f"**{slower} of {len(ratios)}**" if slower else f"none of {len(ratios)}"
                lines.append(
                    f"| ({letter}) | {threads} | {name} | {geometric_mean(ratios):.2f}× | "
                    f"{min(ratios):.2f}× | {text} |"
                )
    return "\n".join(lines)


def activations(results, names):
    names = used(results, names)
    lines = [
        "| " + " | ".join(["activation of all gates", "Rondo", "relative", *names]) + " |",
        "|" + "---|" * (3 + len(names)),
    ]
    usual = next((r for r in results if not parts(r["case"])[3]), results[0])
    usual = usual["answers"]["Rondo"].get("us")
    for r in results:
        rondo = r["answers"]["Rondo"]
        relative = f"{rondo['us'] / usual:.2f}" if "us" in rondo and usual else "-"
        mine = number(rondo["us"]) if "us" in rondo else "refused"
        name = parts(r["case"])[3] or "tanh and sigmoid, as usual"
        lines.append(
            "| "
            + " | ".join(
                [name, mine, relative, *(cell_text(rondo, r["answers"][n]) for n in names)]
            )
            + " |"
        )
    return "\n".join(lines)


def who(programs, results):
    lines = []
    for p in programs[1:]:
        if p.absent and not p.version:
            lines.append(f"| {p.name} | - | not measured: {p.absent} |")
            continue
        settings = sorted({r["answers"][p.name].get("setting") for r in results} - {None})
        text = re_threads(p.settings) + (f"; used: {'; '.join(settings)}" if settings else "")
        lines.append(f"| {p.name} | {p.version} | {text} |")
    return "| peer | version | settings |\n|---|---|---|\n" + "\n".join(lines)


def re_threads(text):
    """Settings are the same for any number of threads but for the number."""
    return re.sub(r"([(=])\d+", r"\1N", text)


def errors(results):
    lines = []
    for r in results:
        for name, answer in r["answers"].items():
            if "error" in answer:
                where = f"`{r['case'].rstrip(',')}`, {plural(r['threads'], 'thread')}"
                lines.append(f"- {name}, {where}: {answer['error']}")
    if not lines:
        return []
    return ["## Refused\n", "Wrong outputs or gradients, and other failures:\n", *lines, ""]


def plural(n, thing):
    return f"{n} {thing}{'s' if n != 1 else ''}"


def introduction(peaks, facts, command, load):
    busy = " **The machine was busy: these figures say little.**" if load > 0.7 else ""
    reached = ", ".join(
        f"{p:.0f} GFLOP/s with {plural(t, 'thread')}" for t, p in sorted(peaks.items())
    )
    return f"""Measured on {datetime.date.today().isoformat()} by `{command}` (after `make bench-peers`): Rondo {facts['rondo']},
{facts['cpu']}, {plural(os.cpu_count(), 'CPU')}, kernels {facts['isa']}; fp32 peak as measured: {reached}.
Load of the machine before: {load:.1f}.{busy}

Times are in µs, fp32, medians of five or seven samples (of three where a peer's call takes longer than its share of
time). Rondo and every peer are asked in turn, twice where time allows; the lower median counts, for all. In brackets:
the peer's time over Rondo's; **bold is where Rondo is slower**. GFLOP/s count 2·B·T·G·H·(I+H) operations, three times
that for training (G = 1, 4, 3). Every program checks its outputs in the same process, and its gradients where it trains;
what is wrong, or above the machine's peak, has no figure.
"""


def write(path, results, programs, rondo, command, load):
    doctor = subprocess.run([rondo, "doctor", "--json"], capture_output=True, text=True)
    facts, names = json.loads(doctor.stdout), [p.name for p in programs[1:]]
    peaks = {}
    for r in results:
        peak = r["answers"]["Rondo"].get("peak", 0)
        peaks[r["threads"]] = max(peak, peaks.get(r["threads"], 0))
    text = ["# Performance\n", introduction(peaks, facts, command, load)]
    text += [
        "## Summary\n",
        summary(results, names) + "\n",
        "## Who\n",
        who(programs, results) + "\n",
    ]
    for letter, title in TITLES.items():
        for threads in sorted(peaks):
            here = [r for r in results if parts(r["case"])[0] == letter and r["threads"] == threads]
            if here:
                text += [f"## {title}; {plural(threads, 'thread')}\n", table(here, names) + "\n"]
    here = [r for r in results if parts(r["case"])[0] == "activations"]
    if here:
        title = "## Activations: training an LSTM, B,T,I,H = 32,50,128,128; 1 thread\n"
        text += [title, activations(here, names) + "\n"]
    text += [QUOTED, *errors(results)]
    with open(path, "w") as file:
        file.write("\n".join(text).rstrip("\n") + "\n")
