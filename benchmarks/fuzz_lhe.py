"""Mutated LHE files: never a traceback, never an event lost in silence.

Every file is a few real events with pieces cut, doubled or replaced, plain or gzipped, sometimes
cut short. Events read plus events reported as damaged must be the ``<event`` tags at line starts,
counted by a scanner of its own::

    python benchmarks/fuzz_lhe.py tests/data/lhe/*.lhe.gz --files 100000 --seed 1
"""

from __future__ import annotations

import argparse
import gzip
import random
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

from topdata.errors import InputError
from topdata.events import Damage, EventChunk, ReadOptions
from topdata.readers.lhe import LheReader

WORDS = (
    b"NaN", b"inf", b"</event>", b"<event>", b"\n<event>\n", b"<event ", b"1.0D+00", b"1.2-100",
    b"#", b"\n", b"\r\n", b"\n\n", b"<wgt id='1'>", b"</wgt>", b"<rwgt>", b"</rwgt>", b"-1", b"99",
    b"", b"<init>", b"</init>", b"</LesHouchesEvents>", b"<LesHouchesEvents>", b"\x00", b"\xff",
    b"1e999", b"<", b">", b" ", b"\t", b"_", b"*****", b"<weights> 1 2 </weights>", b"<mgrwt>",
)  # fmt: skip


def tags(content: bytes) -> int:
    """Count event tags that are the first thing on their line."""
    return len(re.findall(rb"(?:^|\n)[ \t]*<event(?=[\s>/])", content))


def pieces_of(path: Path) -> tuple[bytes, list[bytes]]:
    """Return a short header and the events of a file."""
    text = gzip.decompress(path.read_bytes())
    events = [part + b"</event>\n" for part in text.split(b"</event>\n")[:-1]]
    start = events[0].find(b"<event>")
    header, events[0] = events[0][:start], events[0][start:]
    init = header[header.find(b"<init>") :]
    weights = header[header.find(b"<initrwgt>") : header.find(b"</initrwgt>") + len(b"</initrwgt>")]
    return (
        b"<LesHouchesEvents version='3.0'>\n<header>\n" + weights + b"\n</header>\n" + init,
        events,
    )


def mutated(rng: random.Random, header: bytes, events: list[bytes]) -> bytes:
    """Return a file of one to four events with up to five faults."""
    chosen = rng.sample(events, rng.randint(1, 4))
    content = header + b"".join(chosen) + b"</LesHouchesEvents>\n"
    for _ in range(rng.randint(0, 5)):
        low = 0 if rng.random() < 0.1 else min(len(header), len(content))
        place = rng.randint(low, len(content))
        length = rng.choice((0, 0, 1, 3, 8, 40, 300))
        content = content[:place] + rng.choice(WORDS) + content[place + length :]
    if rng.random() < 0.15:
        content = content[: rng.randint(min(len(header), len(content)), len(content))]
    return content


def check(path: Path, content: bytes, packed: bool) -> str:
    """Read a file and return what became of it; raise AssertionError for a silent loss."""
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    try:
        reader = LheReader(str(path), ReadOptions())
        declared = reader.info.entries
        items = list(reader.chunks(0, declared))
    except InputError:
        return "refused"
    read = [int(e) for item in items if isinstance(item, EventChunk) for e in item.event]
    lost = [e for i in items if isinstance(i, Damage) for e in range(i.start, i.stop)]
    assert sorted(read + lost) == list(range(tags(content))), (len(read), len(lost), tags(content))
    assert declared == tags(content)
    return "damaged" if any(isinstance(item, Damage) for item in items) else "clean"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--files-to-make", "--files", dest="count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    sources = [pieces_of(path) for path in options.files]
    outcome: Counter[str] = Counter()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutated"
        for number in range(options.count):
            header, events = rng.choice(sources)
            content = mutated(rng, header, events)
            try:
                outcome[check(path, content, packed=rng.random() < 0.3)] += 1
            except Exception:
                Path("fuzz-failure.lhe").write_bytes(content)
                print(f"file {number} of seed {options.seed} is in fuzz-failure.lhe")
                raise
    seconds = time.perf_counter() - started
    print(f"{options.count} files, seed {options.seed}, {seconds:.0f} s: {dict(outcome)}")


if __name__ == "__main__":
    main()
