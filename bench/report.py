"""docs/PERFORMANCE.md out of the results of run.py."""

import datetime
import json
import math
import os
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
        "| activation of all gates | Rondo | relative | " + " | ".join(names) + " |",
        "|" + "---|" * (3 + len(names)),
    ]
    usual = results[0]["answers"]["Rondo"].get("us")
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
    import re

    return re.sub(r"([(=])\d+", r"\1N", text)


def errors(results):
    lines = []
    for r in results:
        for name, answer in r["answers"].items():
            if "error" in answer:
                lines.append(
                    f"- {name}, `{r['case'].rstrip(',')}`, {r['threads']} threads: {answer['error']}"
                )
    return (
        "\n## Refused\n\nFigures whose outputs or gradients were wrong, and other failures:\n\n"
        + "\n".join(lines)
        + "\n"
        if lines
        else ""
    )


def write(path, results, programs, rondo, command):
    facts = json.loads(
        subprocess.run([rondo, "doctor", "--json"], capture_output=True, text=True).stdout
    )
    names = [p.name for p in programs[1:]]
    peaks = {
        r["threads"]: max(
            (x["answers"]["Rondo"].get("peak", 0) for x in results if x["threads"] == r["threads"])
        )
        for r in results
    }
    load = os.getloadavg()[2]
    text = [
        "# Performance\n",
        f"Measured on {datetime.date.today().isoformat()} by `{command}` (after `make bench-peers`): Rondo "
        f"{facts['rondo']}, {facts['cpu']}, {os.cpu_count()} CPUs, kernels {facts['isa']}; fp32 peak as measured: "
        + ", ".join(
            f"{p:.0f} GFLOP/s with {t} thread{'s' if t > 1 else ''}"
            for t, p in sorted(peaks.items())
        )
        + f". Load of the machine over the last 15 minutes: {load:.1f}.\n",
        "Times are in µs, fp32, medians of at least five samples (three where one call takes longer than the budget, "
        "of peers); each case is measured twice in turn, Rondo and then every peer, and the lower median counts, for "
        "all. In brackets: the peer's time over Rondo's; **bold is where Rondo is slower**. GFLOP/s count "
        "2·B·T·G·H·(I+H) operations, three times that for training (G = 1, 4, 3). Every program checks its outputs, "
        "and its gradients where it trains, in the same process; wrong ones have no figure.\n",
        "## Summary\n",
        summary(results, names) + "\n",
        "## Who\n",
        who(programs, results) + "\n",
    ]
    for letter, title in TITLES.items():
        for threads in sorted(peaks):
            here = [r for r in results if parts(r["case"])[0] == letter and r["threads"] == threads]
            if here:
                text += [
                    f"## {title}; {threads} thread{'s' if threads > 1 else ''}\n",
                    table(here, names) + "\n",
                ]
    here = [r for r in results if parts(r["case"])[0] == "activations"]
    if here:
        text += [
            "## Activations: training an LSTM, B,T,I,H = 32,50,128,128; 1 thread\n",
            activations(here, names) + "\n",
        ]
    text.append(QUOTED + errors(results))
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as file:
        file.write("\n".join(text))
