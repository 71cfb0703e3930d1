"""Dark Machines CSV: one event a line, as in arXiv:2105.14027.

::

    event ID;process;weight;MET;MET phi;code,E,pt,eta,phi;code,E,pt,eta,phi;

E, pt and MET are in MeV. Jets (``j``, b-tagged ``b``) come first, pT-ordered, then leptons (``e-``
``e+`` ``m-`` ``m+``), then photons (``g``). Numbers have as many digits as it takes to read back
the same ones. What the format has no place for (tau tags, truth, isolation) is lost.

A line is put together by Arrow's string functions, whole columns at a time.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from topdata.export.events import Events
from topdata.export.target import Options, Target, Written
from topdata.kinematics import Array, cartesian

_MEV = 1000.0
_CODES = ("j", "b", "e-", "e+", "m-", "m+", "g")
_LEPTONS = {11: 2, -11: 3, 13: 4, -13: 5}
_PHOTON = 6
_CODECS = {"gz": "gzip", "zst": "zstd"}


class DarkMachinesOptions(Options):
    """Options of the Dark Machines export."""

    compression: Literal["none", "gz", "zst"] = "none"


class DarkMachinesTarget(Target):
    """Dark Machines CSV, one file a split."""

    title = "Dark Machines CSV"
    options = DarkMachinesOptions
    chosen: DarkMachinesOptions

    def write(self, split: str, blocks: Iterable[Events]) -> list[Written]:
        """Write ``<split>.csv``, or ``.csv.gz`` or ``.csv.zst``."""
        packed = self.chosen.compression
        path = self.folder / (f"{split}.csv" + ("" if packed == "none" else f".{packed}"))
        number, weight = 0, 0.0
        with ExitStack() as stack:
            stream = stack.enter_context(pa.OSFile(str(path), "wb"))
            if packed != "none":
                stream = stack.enter_context(pa.CompressedOutputStream(stream, _CODECS[packed]))
            for events in blocks:
                stream.write(_lines(events, number, self.source.manifest.classes))
                number += len(events)
                weight += float(events.scalar("weight").sum())
                for name in ("jets", "leptons", "photons"):
                    self.counts[name] += int(events.lists(name)[0][-1])
        return [Written(path.name, split, number, weight)]

    def conventions(self) -> str:
        """Return the text for the README."""
        return (
            "One event a line, no header: `event ID;process;weight;MET;METphi;`, and for each "
            "object `code,E,pt,eta,phi;`. MeV and radians; codes j, b (b-tagged), e-, e+, m-, m+, "
            "g (photon). The event ID is the number of the line from 0; the weight is in pb. All "
            "objects are kept. `topdata build` reads these files.\n"
        )


def _lines(events: Events, first: int, classes: list[str]) -> pa.Buffer:
    """Return the text of a block."""
    met, met_phi = events.met()
    head = _joined(
        ";",
        _text(np.arange(first, first + len(events))),
        pa.array(classes, pa.large_string()).take(pa.array(events.scalar("process"))),
        _text(events.scalar("weight")),
        _text(met.astype(np.float64) * _MEV),
        _text(met_phi),
    )
    lines = _joined("", head, _objects(events), pa.scalar(";\n", pa.large_string()))
    ends, text = _ends_and_text(lines)
    return text.slice(0, int(ends[-1]))


def _objects(events: Events) -> pa.Array:
    """Return for each event its objects, each behind a ``;``."""
    _, jets = events.lists("jets")
    _, leptons = events.lists("leptons")
    _, photons = events.lists("photons")
    pdg_id = leptons["pdg_id"]
    codes = (
        events.btagged().astype(np.int64),
        np.select([pdg_id == code for code in _LEPTONS], list(_LEPTONS.values())),
        np.full(len(photons["pt"]), _PHOTON),
    )
    event = np.concatenate([events.rows(name)[0] for name in ("jets", "leptons", "photons")])
    order = np.argsort(event, kind="stable")  # keeps jets before leptons before photons
    photons = photons | {"mass": np.zeros_like(photons["pt"])}
    pt, eta, phi, mass = (
        np.concatenate([of[name] for of in (jets, leptons, photons)])[order]
        for name in ("pt", "eta", "phi", "mass")
    )
    eta_text = _text(eta)
    # of the eta that will be read, or masses of fast light jets come back wrong
    energy = cartesian(pt, np.asarray(pc.cast(eta_text, pa.float64())), phi, mass)[3]
    code = pa.array([f";{name}" for name in _CODES], pa.large_string())
    texts = _joined(
        ",",
        code.take(pa.array(np.concatenate(codes)[order])),
        _text(energy * _MEV),
        _text(pt.astype(np.float64) * _MEV),
        eta_text,
        _text(phi),
    )
    # the texts of an event lie one behind the other: they are one text with fewer offsets
    first = np.append(0, np.cumsum(np.bincount(event, minlength=len(events))))
    ends, text = _ends_and_text(texts)
    return pa.LargeStringArray.from_buffers(len(events), pa.py_buffer(ends[first]), text)


def _ends_and_text(texts: pa.Array) -> tuple[Array, pa.Buffer]:
    """Return where each text ends, [n + 1] from 0, and all of them in one piece."""
    _, ends, text = texts.buffers()
    return np.frombuffer(ends, np.int64)[: len(texts) + 1], text


def _text(values: Array) -> pa.Array:
    """Return numbers as text: the shortest that reads back to the same number."""
    return pc.cast(pa.array(values), pa.large_string())


def _joined(separator: str, *columns: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*columns, pa.scalar(separator, pa.large_string()))
