"""Header of cpyth1, the old text format of CompHEP, also of several mixed files (PEVLIB 1.0).

One block a subprocess, from ``#CompHEP`` to a dashed line, then totals up to ``#Nproc``. Raw files
of version 41.10 have one block, no totals, and a repeat count in column 1. Written by
``evnt_format1.c`` of the CompHEP sources. GeV, pb; decays have widths in GeV instead.
"""

from __future__ import annotations

import math
import re

from topdata.errors import InputError
from topdata.readers.comphep.header import (
    Header,
    Process,
    Style,
    codes,
    count,
    masses_of,
    number,
    positive,
    split_process,
    usual_columns,
)

_KEY = re.compile(r"\s*(#?[A-Za-z][\w().]*)\s*[:=]?(.*)$")
_EVENT = re.compile(r"\s*[+-]?\d+\s+[+-]?\d\S*\s+[+-]?\d")
_TOTALS = {
    "#Number_of_subprocesses",
    "#Total_cross_section_(pb)",
    "#Events_mixed_and_randomized",
}
_BEAM = re.compile(r"(.*)\(([^()]*)\)\s*$")


class _Block:
    """What one subprocess says, by key."""

    def __init__(self) -> None:
        self.text: dict[str, str] = {}

    def process(self, path: str) -> Process:
        title = self.text.get("#PROCESS", "")
        names = split_process(title)
        if names is None:
            raise InputError(f"{path}: the header has no readable #PROCESS line ({title[:60]!r})")
        n_in, every = len(names[0]), [*names[0], *names[1]]
        masses = masses_of(self.text.get("#MASSES", ""), len(every))
        if masses is None:
            raise InputError(f"{path}: #MASSES does not give one mass for each of {title[:60]!r}")
        columns = usual_columns(n_in, len(names[1]))
        return Process(
            names=tuple(every),
            pids=codes(every, [0] * len(every), path),
            masses=masses,
            n_in=n_in,
            columns=columns,
            width=columns[-1][-1] + 2,  # the scale follows
            cross_section=positive(self.text.get("#Cross_section(Width)", "")),
            declared=count(self.text.get("#Number_of_events", "")),
        )

    def beams(self) -> list[str]:
        """Beam, its energy and its structure function; none in decays and odd headers."""
        root_s = positive(self.text.get("SQRT(S)", ""))
        rapidity = number(self.text.get("Rapidity(c.m.s)", "0"))
        found = []
        for key, sign in (("StrFun1", 1), ("StrFun2", -1)):
            text = self.text.get(key, "")
            parts = _BEAM.match(text)
            name, function = (parts[2], parts[1]) if parts else (text, "")
            if root_s is not None and rapidity is not None and abs(rapidity) < 100:
                energy = root_s / 2 * math.exp(sign * rapidity)
                name = f"{name} {energy:g} GeV"
            if text:
                found.append(f"{name} ({function})" if function else name)
        return found


def parse_header(lines: list[str], path: str) -> Header:
    """Parse the lines of a file from its start. Raises :class:`InputError`."""
    header = Header("CompHEP cpyth1", Style.BLANKS)
    blocks: list[_Block] = []
    total: dict[str, str] = {}
    inside = False
    for position, line in enumerate(lines):
        if line.startswith("#CompHEP"):
            blocks.append(_Block())
            inside = True
            version = line.removeprefix("#CompHEP").replace("version", "").strip()
            header.generator = header.generator or f"CompHEP {version}".strip()
            continue
        if line.startswith("#Nproc"):
            header.lines = position + 1
            return _finish(header, blocks, total, path)
        if _EVENT.match(line):
            break
        if line.startswith("#---"):
            inside = False
            continue
        found = _KEY.match(line)
        if found is None:
            continue
        key, value = found[1], found[2].strip()
        if inside and key not in _TOTALS:
            blocks[-1].text.setdefault(key, value)
        else:
            total.setdefault(key, value)
        if inside and key == "#Number_of_events" and _has_title(lines, position):
            header.lines = position + 2
            header.weighted = header.whole_weights = True
            return _finish(header, blocks, total, path)
    raise InputError(f"{path}: the CompHEP header has no end (no '#Nproc' line before the events)")


def _has_title(lines: list[str], position: int) -> bool:
    """Tell whether the header ends with the next line, as in raw files of version 41.10."""
    title, event = [*lines[position + 1 : position + 3], "", ""][:2]
    if lines[0].startswith("#PEVLIB") or event.startswith("#"):
        return False
    return title.startswith("#") and not title.startswith(("#---", "#CompHEP"))


def _finish(header: Header, blocks: list[_Block], total: dict[str, str], path: str) -> Header:
    if not blocks:
        raise InputError(f"{path}: the header describes no process")
    header.processes = {k: block.process(path) for k, block in enumerate(blocks, start=1)}
    processes = list(header.processes.values())
    said = total.get("#Number_of_subprocesses")
    if said is not None and count(said) != len(blocks):
        raise InputError(
            f"{path}: the header declares {said[:20]} subprocesses and describes {len(blocks)}"
        )
    if header.weighted and len(blocks) != 1:
        raise InputError(f"{path}: the header of several processes has no '#Nproc' line")
    header.beams = blocks[0].beams()
    parts = [process.cross_section for process in processes]
    known = [sigma for sigma in parts if sigma is not None]
    header.cross_section = positive(total.get("#Total_cross_section_(pb)", ""))
    if len(known) == len(parts):
        if header.cross_section is None:
            header.cross_section = math.fsum(known)
        elif abs(math.fsum(known) - header.cross_section) > 0.01 * header.cross_section:
            header.notes.append(
                f"the subprocesses add up to {math.fsum(known):g} pb, the total is declared "
                f"as {header.cross_section:g} pb"
            )
    before = [process.declared for process in processes if process.declared is not None]
    header.declared = count(total.get("#Events_mixed_and_randomized", ""))
    if header.declared is None:
        header.declared = sum(before) if before else None
    elif len(before) == len(processes) and sum(before) != header.declared:
        header.notes.append(
            f"{' + '.join(map(str, before[:20]))} events before mixing, {header.declared} after"
        )
    return header
