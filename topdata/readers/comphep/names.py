"""Particle and beam names of CompHEP models as PDG codes.

Upper and lower case differ: a capital letter is the antiparticle. The names are those that CompHEP
itself translates when it writes ``KF=`` (function ``kfpart`` of its sources, 2009).
"""

from __future__ import annotations

# particle, antiparticle, PDG code
_PAIRS = """
    d D 1, u U 2, s S 3, c C 4, b B 5, t T 6, b4 B4 7, t4 T4 8
    d# D# 1, u# U# 2, q# Q# 2
    e E 11, e1 E1 11, m M 13, e2 E2 13, l L 15, e3 E3 15, e4 E4 17
    ne Ne 12, n1 N1 12, nm Nm 14, n2 N2 14, nl Nl 16, n3 N3 16, n4 N4 18
    W+ W- 24, H+ H- 37
    ~dL ~DL 1000001, ~uL ~UL 1000002, ~sL ~SL 1000003, ~cL ~CL 1000004
    ~b1 ~B1 1000005, ~t1 ~T1 1000006, ~dR ~DR 2000001, ~uR ~UR 2000002
    ~sR ~SR 2000003, ~cR ~CR 2000004, ~b2 ~B2 2000005, ~t2 ~T2 2000006
    ~eL ~EL 1000011, ~ne ~Ne 1000012, ~mL ~ML 1000013, ~nm ~Nm 1000014
    ~l1 ~L1 1000015, ~nl ~Nl 1000016, ~eR ~ER 2000011, ~mR ~MR 2000013, ~l2 ~L2 2000015
    ~1+ ~1- 1000024, ~2+ ~2- 1000037
"""
# its own antiparticle, PDG code
_SELVES = """
    G 21, g 21, A 22, gamma 22, Z 23, Z0 23, h 25, H 25, h0 25, H0 35, H3 36, A0 36, Gr 39
    ~g 1000021, ~o1 1000022, ~o2 1000023, ~o3 1000025, ~o4 1000035, ~G 1000039
"""
_CABIBBO = {81: 1, -81: -1, 83: 3, -83: -3}  # CalcHEP: d and s before the Cabibbo rotation


def _table() -> dict[str, int]:
    table: dict[str, int] = {}
    for entry in _PAIRS.replace("\n", ",").split(","):
        if words := entry.split():
            particle, antiparticle, code = words
            table |= {particle: int(code), antiparticle: -int(code)}
    for entry in _SELVES.replace("\n", ",").split(","):
        if words := entry.split():
            table[words[0]] = int(words[1])
    return table


NAMES = _table()


def code_of(name: str, code: int = 0) -> int | None:
    """Return the PDG code of a particle: ``code`` if the file gives one, else by its name.

    ``None`` where the name is not known.
    """
    return _CABIBBO.get(code, code) if code else NAMES.get(name)


def is_flavour_sum(name: str) -> bool:
    """Tell whether a name stands for several flavours (``q#``); its code is one of them."""
    return name.endswith("#")
