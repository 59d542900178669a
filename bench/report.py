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
    "f": "(f) A language model, a whole training step: tokens in memory to changed weights",
}
LANGUAGE = """An embedding, two LSTM and a softmax over the vocabulary (20 rows of 20 words, 10000 words, 200 units: the small model of
Zaremba et al. 2014), gradient descent, gradients clipped to a norm of 5. fp32 against fp32, and products in bf16 with
weights in fp32 against the same; each program checks its loss before and after in double precision, and that it learns.
"malloc keeps memory": glibc is told (mallopt) to give nothing back, so that arrays as large as the logits are not fetched
from the system anew at every step, as PyTorch does by default.
"""
MEMORY = """## Memory: training two layers and a dense one, Adam; 1 thread

MiB that are resident at most during steps, above the idle process (the library loaded, torch imported), each in a process
of its own; and "its own": above the same process after it has trained a tiny network of the kind, so without what a first
step loads and compiles.
"""
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
    """letter, cell, [B, T, I, H], activation, numbers"""
    letter, cell, *more = case.split(",")
    activation, numbers = (more[4:] + ["", ""])[:2]
    return letter, cell, more[:4], activation, numbers


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


def chosen(results, letter, threads, numbers=""):
    return [
        r
        for r in results
        if parts(r["case"])[0] == letter
        and parts(r["case"])[4] == numbers
        and r["threads"] == threads
    ]


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
        _, cell, sizes, *_ = parts(r["case"])
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
            here = chosen(results, letter, threads)
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


def two_threads(results):
    """Whether a second thread ever costs time; a pair is measured minutes apart."""
    noise, slower, pairs = 1.05, [], 0
    for one in results:
        for two in results:
            if (one["case"], one["threads"], two["threads"]) != (two["case"], 1, 2):
                continue
            found = ratio(one["answers"]["Rondo"], two["answers"]["Rondo"])
            pairs += found is not None
            if found and found > noise:
                slower.append(f"`{one['case'].rstrip(',')}` {found:.2f}×")
    if not pairs:
        return ""
    text = f"**{len(slower)} of {pairs}**: " + ", ".join(slower) if slower else f"none of {pairs}"
    return f"Rondo with 2 threads slower than with 1 (by more than 5 %, the noise of a pair): {text}.\n"


def stored(results, letter, threads, names):
    """Weights in fewer bytes, beside those who have them, too, and the best in fp32."""
    kinds = ("", "bf16", "int8")
    tables = [chosen(results, letter, threads, kind) for kind in kinds]
    peers = used(tables[1], names)
    lines = [
        "Weights in fewer bytes; inputs and outputs in fp32 (peers: bf16 as well):\n",
        "| cell | B,T,I,H | Rondo fp32 | Rondo bf16 | Rondo int8 | "
        + "".join(f"{n}, bf16 | " for n in peers)
        + "best peer in fp32 over int8 |",
        "|" + "---|" * (6 + len(peers)),
    ]
    for rows in zip(*tables):
        _, cell, sizes, *_ = parts(rows[0]["case"])
        mine = [r["answers"]["Rondo"] for r in rows]
        best = [x for x in (ratio(mine[2], rows[0]["answers"][n]) for n in names) if x]
        row = [cell, ",".join(sizes)]
        row += [number(m["us"]) if "us" in m else "refused" for m in mine]
        row += [cell_text(mine[1], rows[1]["answers"][n]) for n in peers]
        row += [f"{min(best):.2f}×" if best else "-"]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def words_per_second(case, answer):
    b, t = map(int, parts(case)[2][:2])
    return f"{1e6 * b * t / answer['us']:.0f}" if "us" in answer else "-"


def language(results, names):
    names = used(results, names)
    lines = [
        "| B,T,vocabulary,H | numbers | Rondo: words/s | of peak | "
        + "".join(f"{n}: words/s | how | Rondo is faster | " for n in names),
        "|" + "---|" * (4 + 3 * len(names)),
    ]
    for r in results:
        _, _, sizes, _, numbers = parts(r["case"])
        rondo = r["answers"]["Rondo"]
        share = f"{100 * rondo['gflops'] / rondo['peak']:.0f} %" if "us" in rondo else "refused"
        row = [",".join(sizes), numbers or "fp32", words_per_second(r["case"], rondo), share]
        for answer in (r["answers"][n] for n in names):
            found = ratio(rondo, answer)
            text = f"{found:.2f}×" if found else "-"
            row += [
                words_per_second(r["case"], answer),
                answer.get("setting", "-"),
                f"**{text}**" if found and found < 1 else text,
            ]
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def settings(results, names):
    """Every setting of every peer that has several, the best first."""
    lines = ["| numbers | peer, how | ms per step | words/s | Rondo is faster |", "|" + "---|" * 5]
    for r in results:
        numbers, rondo = parts(r["case"])[4] or "fp32", r["answers"]["Rondo"]
        mine = f"{rondo['us'] / 1000:.2f}" if "us" in rondo else "refused"
        lines.append(f"| {numbers} | Rondo | {mine} | {words_per_second(r['case'], rondo)} | |")
        for name in used([r], names):
            of_name = r["answers"][name].get("settings", {})
            for how, us in sorted(of_name.items(), key=lambda item: item[1]):
                found = ratio(rondo, {"us": us})
                lines.append(
                    f"| {numbers} | {name}, {how} | {us / 1000:.2f} | "
                    f"{words_per_second(r['case'], {'us': us})} | "
                    f"{f'{found:.2f}×' if found else '-'} |"
                )
    return "\n".join(lines)


def memory(results):
    mib = lambda answer, key: f"{answer[key] / 2**20:.1f}" if key in answer else "-"
    lines = [
        "| cell | B,T,I,H | Rondo | PyTorch | Rondo / PyTorch | Rondo, its own | PyTorch, its own | ratio |",
        "|" + "---|" * 8,
    ]
    for r in results:
        _, cell, sizes, *_ = parts(r["case"])
        both = r["answers"]["Rondo"], r["answers"].get("PyTorch", {})
        row = [cell, ",".join(sizes)]
        for key in ("bytes", "own_bytes"):
            row += [mib(answer, key) for answer in both]
            known = all(key in answer for answer in both)
            row.append(f"{both[0][key] / both[1][key]:.2f}" if known else "-")
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def activations(results, names):
    names = used(results, names)
    lines = [
        "| " + " | ".join(["activation of all gates", "Rondo", "relative", *names]) + " |",
        "|" + "---|" * (3 + len(names)),
    ]
    for r in results:
        rondo = r["answers"]["Rondo"]
        relative = f"{rondo['relative']:.2f}" if "relative" in rondo else "-"
        if "relative" in rondo and rondo["relative"] > 1.2:
            relative = f"**{relative}**"
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
        letter, *_, numbers = parts(r["case"])
        if letter == "f" and numbers:
            continue  # that is the peak of bf16
        peak = r["answers"]["Rondo"].get("peak", 0)
        peaks[r["threads"]] = max(peak, peaks.get(r["threads"], 0))
    text = ["# Performance\n", introduction(peaks, facts, command, load)]
    text += [
        "## Summary\n",
        summary(results, names) + "\n",
        two_threads(results),
        "## Who\n",
        who(programs, results) + "\n",
    ]
    for letter, title in TITLES.items():
        for threads in sorted(peaks):
            here = chosen(results, letter, threads)
            if here and letter == "f":
                here += chosen(results, letter, threads, "bf16")
                text += [f"## {title}; {plural(threads, 'thread')}\n", LANGUAGE]
                text += [language(here, names) + "\n", settings(here, names) + "\n"]
            elif here:
                text += [f"## {title}; {plural(threads, 'thread')}\n", table(here, names) + "\n"]
            if here and chosen(results, letter, threads, "int8"):
                text += [stored(results, letter, threads, names) + "\n"]
    here = chosen(results, "memory", 1)
    if here:
        text += [MEMORY, memory(here) + "\n"]
    here = chosen(results, "activations", 1)
    if here:
        title = "## Activations: training an LSTM, B,T,I,H = 32,50,128,128; 1 thread\n"
        text += [title, activations(here, names) + "\n"]
    text += [QUOTED, *errors(results)]
    with open(path, "w") as file:
        file.write("\n".join(text).rstrip("\n") + "\n")
