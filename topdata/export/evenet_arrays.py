"""The arrays of the EveNet format, see :mod:`topdata.export.evenet`."""

from __future__ import annotations

import numpy as np

from topdata.export.events import Events, Padded
from topdata.export.topology import Targets
from topdata.kinematics import Array, cartesian

SLOTS = 18
FEATURES = {
    "energy": "log_normalize", "pt": "log_normalize", "eta": "normalize",
    "phi": "normalize_uniform", "isBTag": "none", "isLepton": "none", "charge": "none",
}  # fmt: skip
CONDITIONS = {
    "met": "log_normalize", "met_phi": "normalize",
    "nLepton": "none", "nbJet": "none", "nJet": "none",
    "HT": "log_normalize", "HT_lep": "log_normalize",
    "M_all": "log_normalize", "M_leps": "log_normalize", "M_bjets": "log_normalize",
}  # fmt: skip
INVISIBLE = {"pt": "log_normalize", "eta": "normalize", "phi": "normalize_uniform"}
NULL, HADRONIC, LEPTONIC = 0, 1, 2  # segment tags
NO_SUBPROCESS = -1
_TAGS = 3
_DAUGHTERS = 3

Subprocess = tuple[int, int]  # (hadronic, leptonic) tops


def point_cloud(jets: Padded, leptons: Padded) -> tuple[Array, Array]:
    """Return ``x`` and its mask: jets and then leptons, without a gap between them."""
    n = len(jets.mask)
    x = np.zeros((n, SLOTS, len(FEATURES)), np.float32)
    n_jets = jets.mask.sum(axis=1)
    for objects, first in ((jets, np.zeros_like(n_jets)), (leptons, n_jets)):
        event, row = np.nonzero(objects.mask)
        is_lepton = objects is leptons
        momentum = [objects[name][event, row] for name in ("pt", "eta", "phi", "mass")]
        values = (
            cartesian(*momentum)[3],
            *momentum[:3],
            0 if is_lepton else objects["btag"][event, row],
            is_lepton,
            objects["charge"][event, row] if is_lepton else 0,
        )
        for column, value in enumerate(values):
            x[event, first[event] + row, column] = value
    return x, np.arange(SLOTS) < (n_jets + leptons.mask.sum(axis=1))[:, None]


def conditions(events: Events) -> Array:
    """Return float32 [n, 10] in the order of ``CONDITIONS``, of all objects of the event."""
    met, met_phi = events.met()
    pt = {name: events.lists(name)[1]["pt"] for name in ("jets", "leptons")}
    momenta = {name: _momenta(events.lists(name)[1]) for name in ("jets", "leptons")}
    event = {name: events.rows(name)[0] for name in ("jets", "leptons")}
    btagged = events.btagged()
    n = len(events)

    def mass(*of: tuple[Array, Array]) -> Array:
        rows, vectors = (np.concatenate(values) for values in zip(*of, strict=True))
        total = np.stack([np.bincount(rows, v, minlength=n) for v in vectors.T], axis=-1)
        m2 = total[:, 3] ** 2 - (total[:, :3] ** 2).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(m2, 0)))

    jets, leptons = ((event[name], momenta[name]) for name in ("jets", "leptons"))
    values = (
        met,
        met_phi,
        np.bincount(event["leptons"], minlength=n),
        np.bincount(event["jets"][btagged], minlength=n),
        np.bincount(event["jets"], minlength=n),
        np.bincount(event["jets"], pt["jets"], minlength=n),
        np.bincount(event["leptons"], pt["leptons"], minlength=n),
        mass(jets, leptons),
        mass(leptons),
        mass((event["jets"][btagged], momenta["jets"][btagged])),
    )
    return np.stack(values, axis=-1).astype(np.float32)


def _momenta(columns: dict[str, Array]) -> Array:
    """Return px, py, pz, energy, float64 [n, 4]."""
    return np.stack(cartesian(*(columns[name] for name in ("pt", "eta", "phi", "mass"))), axis=-1)


def assignments(
    index: Array, subprocess: Array, subprocesses: list[Subprocess], split: int
) -> dict[str, Array]:
    """Return the targets [n, R, 3] of all tops of all subprocesses; each event fills its own."""
    total = sum(hadronic + leptonic for hadronic, leptonic in subprocesses)
    indices = np.full((len(index), total, _DAUGHTERS), -1, np.int64)
    complete = np.zeros((len(index), total), np.bool_)
    row = 0
    for number, (hadronic, leptonic) in enumerate(subprocesses):
        own = np.flatnonzero(subprocess == number)
        for first, size, products in ((0, hadronic, 3), (split, leptonic, 2)):
            values = index[own, first : first + size]
            indices[own, row : row + size] = values
            complete[own, row : row + size] = (values[:, :, :products] >= 0).all(axis=-1)
            row += size
    return {
        "assignments-indices": indices,
        "assignments-mask": complete,
        "assignments-indices-mask": indices >= 0,
    }


def instances_first(targets: Targets) -> Array:
    """Return the order of places, [n, P], that brings the tops of each event to the front."""
    return np.argsort(targets.top < 0, axis=1, kind="stable")


def segmentation(events: Events, tops: Array, rows: Array, complete: Array) -> dict[str, Array]:
    """Return the segments [n, S]: the tops of each event, empty ones, and the null segment."""
    n, size = tops.shape
    present = tops >= 0
    tag = np.zeros((n, size + 1), np.int64)
    tag[:, :size][present] = np.where(events.tops.leptonic[tops[present]], LEPTONIC, HADRONIC)
    full = tag.copy()
    full[:, :size][~complete[:, :size]] = NULL
    data = np.zeros((n, size + 1, SLOTS), np.bool_)
    event, segment, product = np.nonzero(rows >= 0)
    data[event, segment, rows[event, segment, product]] = True
    momentum = np.zeros((n, size + 1, 4), np.float32)
    true = _momenta(events.lists("truth.tops")[1])[:, [3, 0, 1, 2]]
    momentum[:, :size][present] = true[tops[present]]
    one_hot = np.eye(_TAGS, dtype=np.bool_)
    return {
        "segmentation-class": one_hot[tag],
        "segmentation-data": data,
        "segmentation-momentum": momentum,
        "segmentation-full-class": one_hot[full],
    }


def invisible(events: Events, tops: Array, rows: Array, most: int) -> dict[str, Array]:
    """Return the neutrinos of the leptonic tops; valid with a reconstructed charged lepton."""
    n = len(tops)
    leptonic = (tops >= 0) & events.tops.leptonic[tops] if len(events.tops.event) else tops >= 0
    neutrino = np.where(leptonic, np.append(events.tops.neutrino, -1)[tops], -1)
    exists = neutrino >= 0
    place = np.cumsum(exists, axis=1) - 1
    event, top = np.nonzero(exists & (place < most))
    where = (event, place[event, top])
    partons = events.lists("truth.partons")[1]
    data = np.zeros((n, most, len(INVISIBLE)), np.float32)
    valid = np.zeros((n, most), np.bool_)
    for column, name in enumerate(INVISIBLE):
        data[*where, column] = partons[name][neutrino[event, top]]
    valid[where] = rows[event, top, 1] >= 0
    return {
        "x_invisible": data,
        "x_invisible_mask": valid,
        "num_invisible_raw": exists.sum(axis=1).astype(np.int32),
        "num_invisible_valid": valid.sum(axis=1).astype(np.int32),
    }
