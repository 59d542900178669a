#!/usr/bin/env python3
"""Rondo and its peers, pair by pair in one run; writes docs/PERFORMANCE.md.

    bench/run.py [--quick] [--rondo build/rondo] [--output docs/PERFORMANCE.md] [--cases REGEX]

The cases come from `rondo bench --list`.  Every program is started once per number of threads and
given one case after the other: Rondo, each peer, and the same again.  The lower of the two medians
counts, for all of them.  A peer that is not there or fails is a line in the report, no failure.
"""

import argparse
import json
import math
import os
import re
import select
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
import report

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = os.path.join(ROOT, "build", "bench")
PEERS = os.path.join(ROOT, "bench", "peers")
START, ANSWER = 120, 180  # seconds that a program may take


class Program:
    """Rondo or a peer: a process that answers cases, line by line."""

    def __init__(self, name, command, environment=None, greets=True):
        self.name, self.command, self.greets = name, command, greets
        self.environment, self.took = environment or {}, 0.0
        self.version = self.settings = self.absent = None
        self.process = None

    def start(self, threads, seconds):
        self.threads, self.seconds = threads, seconds
        words = [w.format(threads=threads, seconds=seconds) for w in self.command]
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), **self.environment)
        log = open(os.path.join(WORK, self.name.replace(" ", "-") + ".log"), "a")
        self.buffer = b""
        try:
            self.process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
            )
        except OSError as problem:
            self.absent = str(problem)
            return
        finally:
            log.close()
        if not self.greets:
            return
        hello = self.read(START)
        if not hello or "peer" not in hello:
            self.stop()
            self.absent = f"it did not start; see {os.path.relpath(log.name, ROOT)}"
            return
        self.version, self.settings = hello["version"], hello["settings"]

    def read(self, seconds):
        """The next JSON object, or None when the process is dead or too slow."""
        end = time.monotonic() + seconds
        while True:
            line, found, rest = self.buffer.partition(b"\n")
            if found:
                self.buffer = rest
                if line.startswith(b"{"):
                    return json.loads(line)
                continue
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                return None
            more = os.read(self.process.stdout.fileno(), 65536)
            if not more:
                return None
            self.buffer += more

    def ask(self, case):
        if self.absent:
            return {"skip": self.absent}
        if not self.process or self.process.poll() is not None:
            self.start(self.threads, self.seconds)
            if self.absent:
                return {"skip": self.absent}
        try:
            self.process.stdin.write((case + "\n").encode())
            self.process.stdin.flush()
            answer = self.read(ANSWER)
        except OSError:
            answer = None
        if answer is None:
            self.stop()
            return {"error": f"{self.name} gave no answer"}
        return answer

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None


def build_onednn():
    """The peer in C; returns why not."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        return "no C compiler"
    sources = [os.path.join(PEERS, name) for name in ("onednn.c", "onednn_layer.c")]
    program = os.path.join(WORK, "onednn")
    done = subprocess.run(
        [compiler, "-std=c11", "-O2", *sources, "-o", program, "-ldnnl", "-lm"], capture_output=True
    )
    return None if done.returncode == 0 else "libdnnl-dev is not installed (make bench-peers)"


def find_python():
    own = os.path.join(WORK, "venv", "bin", "python")
    return os.environ.get("BENCH_PYTHON") or (own if os.path.exists(own) else None)


def lacks(python, modules):
    """Whether that Python lacks one of the modules."""
    look = "import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
    return not python or subprocess.run([python, "-c", look, *modules]).returncode != 0


def programs(rondo, quick):
    python = find_python()
    limits = ["--threads", "{threads}", "--seconds", "{seconds}"]
    found = [
        Program(
            "Rondo", [rondo, "bench", "--cases", "-", "--json", "--quiet", *limits], greets=False
        ),
        Program("oneDNN", [os.path.join(WORK, "onednn"), "{seconds}"]),
    ]
    found[1].absent = build_onednn()
    for name, script, modules in (
        ("oneDNN in PyTorch", "torch_onednn_peer.py", ["torch"]),
        ("PyTorch", "torch_peer.py", ["torch"]),
        ("ONNX Runtime", "onnxruntime_peer.py", ["onnxruntime", "onnx"]),
        ("Keras (JAX)", "keras_peer.py", ["keras", "jax"]),
        ("Keras (TensorFlow)", "keras_peer.py", ["keras", "tensorflow"]),
    ):
        backend = {"KERAS_BACKEND": modules[-1]} if "keras" in modules else {}
        peer = Program(name, [python or "", os.path.join(PEERS, script), *limits], backend)
        if quick and "tensorflow" in modules:
            peer.absent = "left out with BENCH_QUICK=1"
        elif lacks(python, modules):
            peer.absent = "not installed (make bench-peers)"
        found.append(peer)
    return found


def better(a, b):
    """Of two answers of one program."""
    return b if a is None or "us" in b and b["us"] < a.get("us", float("inf")) else a


def memory(case, program):
    """Of a process that has done nothing else."""
    if program.name not in ("Rondo", "PyTorch"):
        return {"skip": "memory is compared with PyTorch"}
    program.stop()
    return program.ask(case)


def measure(case, everyone, hurry):
    """Answers of everyone, twice in turn; once where there is no time, or nothing to win by it."""
    if case.startswith("memory"):
        return [memory(case, program) for program in everyone]
    answers = [None] * len(everyone)
    for again in (False, True):
        begun = time.monotonic()
        for k, program in enumerate(everyone):
            slow = again and answers[k].get("us", math.inf) > 5 * answers[0].get("us", 0)
            if not slow:
                asked = time.monotonic()
                answers[k] = better(answers[k], program.ask(case))
                program.took += time.monotonic() - asked
        if hurry or time.monotonic() - begun > 5:
            break
    return answers


def show(text):
    """A line that is written over on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{text}\033[K", end="", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def run(cases, everyone, given):
    seconds = 0.05 if given.quick else 0.15
    budget = 60 * (3.5 if given.quick else 10)
    counts = sorted({1, min(2, os.cpu_count() or 1)})
    once = ("activations", "memory")  # with 1 thread only
    wanted = [(t, c) for t in counts for c in cases if t == 1 or not c.startswith(once)]
    results, threads, begun = [], None, time.monotonic()
    try:
        for k, (t, case) in enumerate(wanted):
            if t != threads:
                threads = t
                for program in everyone:
                    program.stop()
                    if not program.absent:
                        program.start(threads, seconds)
            show(
                f"{k + 1}/{len(wanted)} {case.rstrip(',')}, {threads} thread{'s' if threads > 1 else ''}"
            )
            late = time.monotonic() - begun > budget * (k + 1) / len(wanted)
            answers = measure(case, everyone, late)
            named = {p.name: a for p, a in zip(everyone, answers)}
            results.append({"case": case, "threads": threads, "answers": named})
    except KeyboardInterrupt:
        show("stopped: the report has what there is\n")
    for program in everyone:
        program.stop()
    took = ", ".join(f"{p.name} {p.took:.0f}" for p in everyone)
    show(f"{len(wanted)} cases in {time.monotonic() - begun:.0f} s: {took}\n")
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rondo", default=os.path.join(ROOT, "build", "rondo"))
    parser.add_argument("--output", default=os.path.join(ROOT, "docs", "PERFORMANCE.md"))
    parser.add_argument("--cases", default="", help="only those whose line matches")
    given = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    given.rondo = os.path.abspath(given.rondo)
    listing = [given.rondo, "bench", "--list"]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True).stdout.split()
    cases = [c for c in listed if not c.startswith("peak") and re.search(given.cases, c)]
    everyone = programs(given.rondo, given.quick)
    for program in everyone:
        if program.absent:
            print(f"{program.name}: {program.absent}", file=sys.stderr)
    load = os.getloadavg()[0]
    if load > 0.7:
        print(
            f"the machine is busy (load {load:.1f}): the figures will say little", file=sys.stderr
        )
    results = run(cases, everyone, given)
    with open(os.path.join(WORK, "results.json"), "w") as file:
        json.dump(results, file, indent=1)
    command = "make bench" + (" BENCH_QUICK=1" if given.quick else "")
    report.write(given.output, results, everyone, given.rondo, command, load)
    print(f"written: {os.path.relpath(given.output)}", file=sys.stderr)


if __name__ == "__main__":
    main()
