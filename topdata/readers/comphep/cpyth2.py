"""Header of cpyth2, the newer text format of CompHEP (4.4 and later).

Tags ``##name: key=value, key='text', ...,;`` over one or several lines; a line with ``;`` alone
ends the header, or ``##:;;`` where files were mixed. ``##format`` names the columns. Written by
``evnt_format2.c`` and ``tag_writer.c`` of the CompHEP sources. GeV, pb; ``CrosSecErr`` is relative.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

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
)

_TAG = re.compile(r"^##(\w+):((?:[^;']|'[^'\n]*')*);", re.M)
_COMMAND = re.compile(r"\b([A-Za-z][\w.]*+)\s*+=\s*+(?:'([^']*)'\s*+|([^,']*+))(?:,|$)")
_MOMENTUM = re.compile(r"p(\d{1,3})\.([123])")
_EVENT = re.compile(r"\s*[+-]?\d+\s*:")
_END = (";", "##:;;")


@dataclass(slots=True)
class _Tag:
    name: str
    commands: list[tuple[str, str]]

    def get(self, key: str) -> str:
        """Return the first value of a key, or an empty text."""
        return next((value for name, value in self.commands if name == key), "")

    def whole(self, key: str) -> int:
        """Return a whole number; 0 where there is none."""
        value = self.get(key).strip()
        return int(value) if re.fullmatch(r"[+-]?[0-9]{1,9}", value) else 0


def parse_header(lines: list[str], path: str) -> Header:
    """Parse the lines of a file from its start. Raises :class:`InputError`."""
    header = Header("CompHEP cpyth2", Style.COLONS)
    for position, line in enumerate(lines):
        if line.strip() in _END:
            header.lines = position + 1
            break
        if _EVENT.match(line):
            break
    if not header.lines:
        raise InputError(f"{path}: the CompHEP header has no end (no line ';' before the events)")
    text = "\n".join(lines[: header.lines - 1])
    tags = [
        _Tag(
            name, [(key, quoted or plain.strip()) for key, quoted, plain in _COMMAND.findall(body)]
        )
        for name, body in _TAG.findall(text)
    ]
    for tag in tags:
        if tag.name == "process":
            number_ = tag.whole("ID")
            if number_ in header.processes:
                raise InputError(f"{path}: two ##process tags have the ID {number_}")
            mine = [t for t in tags if t.whole("IDprocess") == number_]
            header.processes[number_] = _process(tag, mine, path)
    if not header.processes:
        raise InputError(f"{path}: the header has no ##process tag")
    _totals(header, tags)
    return header


def _process(tag: _Tag, mine: list[_Tag], path: str) -> Process:
    """Put together the tags of one process."""
    number_ = tag.whole("ID")
    partons = [t for t in mine if t.name == "parton"]
    incoming = sorted((t for t in partons if t.whole("in")), key=lambda t: t.whole("in"))
    outgoing = sorted((t for t in partons if not t.whole("in")), key=lambda t: t.whole("out"))
    every = [*incoming, *outgoing]
    places = [t.whole("in") or t.whole("out") for t in every]
    said = tag.whole("Nparton") or len(every)
    complete = len(places) == said and places == list(range(1, said + 1))
    if not complete or len(incoming) not in (1, 2) or not outgoing:
        raise InputError(f"{path}: the ##parton tags of process {number_} are not complete")
    names = [t.get("name").strip() for t in every]
    masses = masses_of(" ".join(t.get("mass") or "?" for t in every), len(every))
    if masses is None:
        raise InputError(f"{path}: a ##parton tag of process {number_} has no readable mass")
    layout = next((t for t in mine if t.name == "format"), None)
    names_of_columns = [] if layout is None else [k for k, _ in layout.commands if k != "IDprocess"]
    sigma = positive(tag.get("CrosSec"))
    error = positive(tag.get("CrosSecErr"))
    events = next((t for t in mine if t.name == "n_event"), None)
    return Process(
        names=tuple(names),
        pids=codes(names, [t.whole("KF") for t in every], path),
        masses=masses,
        n_in=len(incoming),
        columns=_columns(names_of_columns, len(incoming), len(every), f"{path}: ##format"),
        width=len(names_of_columns) - 1,
        cross_section=sigma,
        error=None if sigma is None or error is None else sigma * error,
        declared=None if events is None else count(events.get("N")),
    )


def _columns(names: list[str], n_in: int, n: int, where: str) -> tuple[tuple[int, int, int], ...]:
    """Find the momenta among the columns that ``##format`` names."""
    if len(set(names)) != len(names) or names[:1] != ["ProcNumber"]:
        raise InputError(f"{where}: the columns do not start with ProcNumber, or repeat")
    if names[-1:] != ["color_chain"]:
        raise InputError(f"{where}: the last column is not color_chain")
    place = {name: k for k, name in enumerate(names)}
    for name in names:
        found = _MOMENTUM.fullmatch(name)
        if found and not 1 <= int(found[1]) <= n:
            raise InputError(f"{where}: the column {name} is of no particle")
    columns = []
    for particle in range(1, n + 1):
        x, y, z = (place.get(f"p{particle}.{axis}", -1) for axis in (1, 2, 3))
        needed = (x, y, z) if particle > n_in else (z,) if n_in == 2 else ()
        if -1 in needed:
            raise InputError(f"{where}: a momentum column of particle {particle} is missing")
        columns.append((x, y, z))
    return tuple(columns)


def _totals(header: Header, tags: list[_Tag]) -> None:
    """Fill in generator, beams, counts and cross-sections.

    After mixing, the error of the total is a sum of relative errors in quadrature, which means
    nothing: errors are added from those of the processes.
    """
    generator = next((t for t in tags if t.name == "generator"), None)
    words = [] if generator is None else [v for key, v in generator.commands if key == "name"]
    header.generator = " ".join(words) or "CompHEP"
    functions = {t.whole("IDbeam"): t for t in tags if t.name == "strfun"}
    for beam in (t for t in tags if t.name == "beam"):
        energy = number(beam.get("energy"))
        words = [beam.get("name"), f"{energy:g} GeV" if energy is not None else ""]
        if (function := functions.get(beam.whole("ID"))) is not None:
            words.append(f"({function.get('name')} {function.get('version')})")
        header.beams.append(" ".join(word for word in words if word))
    processes = list(header.processes.values())
    known = [p.cross_section for p in processes if p.cross_section is not None]
    errors = [p.error for p in processes if p.error is not None]
    total = next((t for t in tags if t.name == "total"), None)
    if total is not None:
        header.cross_section = positive(total.get("CrosSec"))
        header.declared = count(total.get("Nevent"))
    if header.cross_section is None and len(known) == len(processes):
        header.cross_section = math.fsum(known)
    if header.cross_section is not None and len(errors) == len(processes):
        header.error = math.hypot(*errors)
