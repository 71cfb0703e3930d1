"""What stands before the events: ``<init>``, and the banner of MadGraph5 or CompHEP.

The text is not parsed as XML: generators write unescaped ``&``, ``<`` and worse into it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from topdata.errors import InputError
from topdata.readers.lhe.event import number

_INIT = re.compile(r"^[ \t]*<init\b[^>\n]*>(.*?)^[ \t]*</init", re.M | re.S)
_GENERATOR = re.compile(r"<generator\b([^>]*)>([^<]*)")
_ATTRIBUTE = re.compile(r"""\b(\w+)\s*=\s*(['"])(.*?)\2""")
_WEIGHT = re.compile(r"<weight\b([^>]*)>([^<]*)</weight", re.S)
_MG_VERSION = re.compile(r"<MGVersion>\s*#?\s*([\d.]+)")
_MG_EVENTS = re.compile(r"#\s*Number of Events\s*:\s*(\d+)")
_HEPML_EVENTS = re.compile(r"<eventsNumber>\s*(\d+)")
_MG_PROCESS = re.compile(r"^\s*(?:generate|add process)\s+(.+?)\s*$", re.M)
_COMPHEP = re.compile(r"generated with (CompHEP|CalcHEP)\s*([\d.]*)", re.I)
_SEED = re.compile(r"^\s*(\d+)\s*=\s*iseed\b", re.M)


@dataclass(slots=True)
class Header:
    """Run information. Cross-sections in pb, energies in GeV."""

    version: str = ""
    beams: tuple[int, int] = (0, 0)
    energies: tuple[float, float] = (0.0, 0.0)
    idwtup: int = 0  # how XWGTUP is normalised; negative: negative weights are possible
    xsecup: list[float] = field(default_factory=list)
    xerrup: list[float] = field(default_factory=list)
    generator: str = ""
    process: str = ""
    seed: int | None = None
    declared: int | None = None
    weights: dict[str, str] = field(default_factory=dict)  # id -> text, in order
    comphep: bool = False


def parse_header(text: bytes, path: str) -> Header:
    """Parse everything before the first event. Raises :class:`InputError` without ``<init>``."""
    content = text.decode("utf-8", errors="replace").replace("\r\n", "\n")
    found = _INIT.search(content)
    if found is None:
        raise InputError(f"{path}: no <init> block: not an LHE file, or cut before its events")
    header = Header()
    opening = re.search(r"<LesHouchesEvents\b([^>]*)", content)
    header.version = _attributes(opening.group(1)).get("version", "") if opening else ""
    _init(header, found.group(1), path)
    before = content[: found.start()]
    header.weights = {
        attributes["id"]: " ".join(words.split())
        for raw, words in _WEIGHT.findall(content)
        if "id" in (attributes := _attributes(raw))
    }
    comphep = _COMPHEP.search(content)
    generator = _GENERATOR.search(found.group(1))
    if comphep:
        header.comphep = True
        header.generator = f"{comphep.group(1)} {comphep.group(2)}".strip()
    elif version := _MG_VERSION.search(before):
        header.generator = f"MadGraph5_aMC@NLO {version.group(1)}"
    elif generator:
        attributes = _attributes(generator.group(1))
        name = attributes.get("name", generator.group(2).strip())
        header.generator = f"{name} {attributes.get('version', '')}".strip()
    header.process = "; ".join(_MG_PROCESS.findall(before))[:500]
    declared = _MG_EVENTS.search(before) or _HEPML_EVENTS.search(before)
    header.declared = int(declared.group(1)) if declared else None
    seed = _SEED.search(before)
    header.seed = int(seed.group(1)) if seed else None
    return header


def _init(header: Header, text: str, path: str) -> None:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    lines = [words for words in lines if not words[0].startswith(("<", "#"))]
    try:
        run = [_required(word) for word in lines[0][:10]]
        header.beams = (int(run[0]), int(run[1]))
        header.energies = (run[2], run[3])
        header.idwtup = int(run[8])
        for words in lines[1 : 1 + int(run[9])]:
            sigma, error = (_required(word) for word in words[:2])
            header.xsecup.append(sigma)
            header.xerrup.append(error)
        if len(header.xsecup) != int(run[9]):
            raise ValueError
    except (IndexError, ValueError) as error:
        raise InputError(f"{path}: the <init> block cannot be read") from error


def _required(word: str) -> float:
    value = number(word.encode())
    if value is None:
        raise ValueError(word)
    return value


def _attributes(text: str) -> dict[str, str]:
    return {name: value for name, _, value in _ATTRIBUTE.findall(text)}
