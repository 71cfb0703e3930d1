"""Weight variations: the ``<rwgt>`` blocks of many events at once.

They are most of the text of a file that has them, and nearly always the same tags and widths in
every event. So they are cut out first, laid under each other as a matrix of bytes, and the columns
that hold the numbers are parsed together.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from topdata.events import Array
from topdata.readers.lhe.table import parse_table

WEIGHT_ID = re.compile(rb"""\bid\s*=\s*(['"])(.*?)\1""")
WGT = re.compile(rb"<wgt\b([^>]*)>([^<]*)</wgt\s*>")
_OPEN, _CLOSE, MARK = b"<rwgt>", b"</rwgt>", b"<rwgt/>"


def cut_weights(text: bytes) -> tuple[bytes, list[bytes]] | None:
    """Return the text with a mark for each block, and the blocks; ``None`` if one has no end."""
    blocks: list[bytes] = []
    rest: list[bytes] = []
    position = 0
    while (start := text.find(_OPEN, position)) >= 0:
        end = text.find(_CLOSE, start)
        if end < 0:
            return None
        rest += (text[position:start], MARK)
        blocks.append(text[start + len(_OPEN) : end])
        position = end + len(_CLOSE)
    if not blocks:
        return text, []
    return b"".join((*rest, text[position:])), blocks


def parse_weights(blocks: list[bytes], events: int) -> tuple[Array, tuple[bytes, ...]] | None:
    """Return (values [events, n_weights], ids), or ``None`` where the blocks are not all alike."""
    if not blocks:
        return np.zeros((events, 0)), ()
    first = blocks[0]
    joined = b"".join(blocks)
    if b"<event" in joined:
        return None
    ids: list[bytes] = []
    numbers = np.zeros(len(first) + 1, np.bool_)
    ends = np.zeros(len(first) + 1, np.bool_)
    for found in WGT.finditer(first):
        name = WEIGHT_ID.search(found.group(1))
        if name is None:
            return None
        ids.append(name.group(2).strip())
        numbers[found.start(2) : found.end(2) + 1] = True
        ends[found.end(2)] = True  # the `<` behind a number becomes the end of its line
    if len(set(ids)) != len(ids) or {len(block) for block in blocks} != {len(first)}:
        return None
    if not ids or first.count(b"<wgt") != len(ids):
        return None
    matrix = np.frombuffer(joined, np.uint8).reshape(len(blocks), -1)
    tags = ~numbers[:-1] | ends[:-1]
    if not (matrix[:, tags] == matrix[0, tags]).all():
        return None
    table = matrix[:, numbers[:-1]]
    table[:, ends[numbers]] = 10
    content = table[(table != 32) & (table != 9)].tobytes().replace(b"d", b"e").replace(b"D", b"e")
    parsed = parse_table(content, {"value": pa.float64()})
    if parsed is None:
        return None
    values = parsed["value"]
    if len(values) != len(blocks) * len(ids) or not np.isfinite(values).all():
        return None
    return values.reshape(len(blocks), -1), tuple(ids)
