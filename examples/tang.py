#!/usr/bin/env python3
"""Tang poems for a language model, and a check of what it writes.

    tang.py make FILE... > poems.txt    from the JSON of github.com/chinese-poetry/chinese-poetry, or its .tar.xz
    tang.py check [FILE...]             how many verses have the right length; 1 when under --least

Kept are regular poems: every line two verses of five, or two of seven, characters, "春眠不覺曉，處處聞啼鳥。".
A couplet is a line, and a blank line stands between poems. A verse is right when it has five or seven characters
and as many as the first verse of its poem. check reads `rondo generate --samples N` as well, with its "==> 1 <=="
lines; the last verse of a poem that was cut off by --length does not count.
"""
import argparse
import json
import re
import sys
import tarfile

COUPLET = re.compile(r"^(?:\w{5}，\w{5}。|\w{7}，\w{7}。)$")
HAN = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U0003ffff]+")


def is_regular(lines):
    plain = all(COUPLET.match(line) and HAN.fullmatch(line[:-1].replace("，", "")) for line in lines)
    return bool(lines) and plain and len({len(line) for line in lines}) == 1


def documents(path):
    if ".tar" not in path:
        with open(path, encoding="utf-8") as file:
            yield json.load(file)
        return
    with tarfile.open(path) as archive:
        for member in sorted(archive.getmembers(), key=lambda m: m.name):
            if member.isfile() and re.search(r"poet\.tang\.\d+\.json$", member.name):
                yield json.load(archive.extractfile(member))


def make(paths, out):
    poems = 0
    for path in paths:
        for document in documents(path):
            for poem in document:
                if is_regular(poem["paragraphs"]):
                    out.write("\n".join(poem["paragraphs"]) + "\n\n")
                    poems += 1
    return poems


def poems_of(text):
    """Each is whole, or the last of its sample: cut off, perhaps."""
    for sample in re.split(r"(?m)^==> \d+ <==\n", text):
        poems = [poem for poem in re.split(r"\n\s*\n", sample) if poem.strip()]
        for poem in poems:
            yield poem.strip()


def count(text):
    right = verses = 0
    for poem in poems_of(text):
        parts = re.split(r"[，。？！；、\n]+", poem)
        whole = parts[:-1]  # behind the last mark is nothing, or a verse that was cut off
        for verse in whole:
            verses += 1
            right += len(verse) in (5, 7) and len(verse) == len(whole[0])
    return right, verses


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["make", "check"])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--least", type=float, default=0.95)
    options = parser.parse_args()
    if options.what == "make":
        if not options.files:
            parser.error("which files? The JSON of the poems, or the archive that they are in")
        poems = make(options.files, sys.stdout)
        print(f"{poems} poems", file=sys.stderr)
        return 0 if poems else 1
    text = "".join(open(f, encoding="utf-8").read() for f in options.files) or sys.stdin.read()
    right, verses = count(text)
    share = right / verses if verses else 0
    print(f"{right} of {verses} verses have the right length: {100 * share:.1f} %")
    return 0 if share >= options.least else 1


if __name__ == "__main__":
    sys.exit(main())
