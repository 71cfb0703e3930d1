"""Header of CalcHEP event texts, from the oldest to 3.6.

``#PROCESS`` gives PDG codes as ``code(name)``; the title line ``#Events`` ends the header. Column 1
is a weight with a sign: a number where ``#Sum_of_weights`` stands, a repeat count in older files.
Written by ``runVegas.c`` (older: ``events.c``) of the CalcHEP sources. GeV, pb.
"""

from __future__ import annotations

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

_PARTICLE = re.compile(r"([+-]?[0-9]{1,9})\((\S*)\)")
_MOMENTUM = re.compile(r"\bP([12])_3=\s*(\S+)")
_FUNCTION = re.compile(r'StrFun([12])="([^"]*)"')


def parse_header(lines: list[str], path: str) -> Header:
    """Parse the lines of a file from its start. Raises :class:`InputError`."""
    header = Header("CalcHEP text", Style.BAR, weighted=True)
    text: dict[str, str] = {}
    for position, line in enumerate(lines):
        key, _, value = line.strip().partition(" ")
        if key == "#Events":
            header.lines = position + 1
            break
        if "|" in line:
            break
        text.setdefault(key, value.strip())
    if not header.lines:
        raise InputError(f"{path}: the CalcHEP header has no end (no '#Events' line)")
    version = lines[0].lstrip("\ufeff").strip().lstrip("#")
    header.generator = " ".join(version.split())
    header.whole_weights = "#Sum_of_weights" not in text
    header.processes = {1: _process(text, path)}
    header.cross_section = header.processes[1].cross_section
    header.declared = header.processes[1].declared
    before = "\n".join(lines[: header.lines])
    functions = dict(_FUNCTION.findall(before))
    for beam, momentum in _MOMENTUM.findall(before):
        energy = number(momentum)  # massless
        if energy:
            name = f"({functions[beam]})" if beam in functions else ""
            header.beams.append(f"beam {beam} {abs(energy):g} GeV {name}".strip())
    return header


def _process(text: dict[str, str], path: str) -> Process:
    title = text.get("#PROCESS", "")
    sides = split_process(title)
    if sides is None:
        raise InputError(f"{path}: the header has no readable #PROCESS line ({title[:60]!r})")
    found = [_PARTICLE.fullmatch(word) for word in (*sides[0], *sides[1])]
    particles = [match for match in found if match is not None]
    if len(particles) != len(found):
        raise InputError(f"{path}: #PROCESS is not of the form code(name) ({title[:60]!r})")
    names = [match[2] for match in particles]
    masses = masses_of(text.get("#MASSES", ""), len(names))
    if masses is None:
        raise InputError(f"{path}: #MASSES does not give one mass for each of {title[:60]!r}")
    n_in = len(sides[0])
    columns = usual_columns(n_in, len(sides[1]))
    return Process(
        names=tuple(names),
        pids=codes(names, [int(match[1]) for match in particles], path),
        masses=masses,
        n_in=n_in,
        columns=columns,
        width=columns[-1][-1] + 1,
        # the sign is that of the integral, not of the events
        cross_section=positive(text.get("#Cross_section(Width)", "").lstrip("-")),
        declared=count(text.get("#Number_of_events", "")),
    )
