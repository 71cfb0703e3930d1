"""Records as Pythia 6 and 8 write them."""

from __future__ import annotations

import numpy as np
from kinematics import four_vector, two_body
from record import MASSES, Record, Truth


def pythia6(seed: int) -> Record:
    """Write t tbar as Pythia 6 does: documentation lines, and copies that hang on them."""
    r = Record(seed)
    total = four_vector(500.0, 0, 0, 200.0)
    r.beams((21, 21), (3, 3), total)
    isr = four_vector(0.0, 18.0, -9.0, 30.0)  # of parton 2
    t, tbar = r.split(total - isr, 6, -6)
    g1, g2 = two_body(total - isr, 0.0, 0.0, np.array([0.0, 0.0, 1.0]))
    r.add(21, 3, g1, 2)  # 4
    r.add(21, 3, g2, 3)  # 5
    r.add(6, 3, t, 4, 5)  # 6
    r.add(-6, 3, tbar, 4, 5)  # 7
    w, b = r.decay(6, 24, 5)
    wbar, bbar = r.decay(7, -24, -5)
    r.add(5, 3, b, 6)  # 8
    r.add(24, 3, w, 6)  # 9
    r.add(-5, 3, bbar, 7)  # 10
    r.add(-24, 3, wbar, 7)  # 11
    u, d = r.decay(9, 2, 1)
    e, nu = r.decay(11, 11, 12)
    r.add(2, 3, u, 9)  # 12
    r.add(-1, 3, d, 9)  # 13
    r.add(11, 3, e, 11)  # 14
    r.add(-12, 3, nu, 11)  # 15
    u1, g, d1 = r.radiate(u, d, 6.0, 0.3)
    r.add(6, 2, t, 6, -1, 18, 19)  # 16
    r.add(-6, 2, tbar, 7)  # 17
    r.add(24, 2, w, 9, -1, 22, 24)  # 18
    r.add(5, 2, b, 8)  # 19
    r.add(-24, 2, wbar, 11)  # 20
    r.add(-5, 2, bbar, 10)  # 21
    r.add(2, 2, u1, 12, -1, 27, 27)  # 22
    r.add(21, 2, g, 12, -1, 27, 27)  # 23
    r.add(-1, 2, d1, 13, -1, 27, 27)  # 24
    r.add(11, 1, e, 14)  # 25
    r.add(-12, 1, nu, 15)  # 26
    string = r.add(92, 2, u1 + g + d1, 22, 24, 28, 30)  # 27
    r.add(211, 1, four_vector(MASSES[211], *(u1[1:] + 0.5 * g[1:])), string)  # 28
    r.add(22, 1, four_vector(0.0, *(0.5 * g[1:])), string)  # 29
    r.add(-211, 1, four_vector(MASSES[211], *d1[1:]), string)  # 30
    r.add(21, 2, isr, 2)  # 31
    r.hadrons(19)
    r.hadrons(21)
    assert all(row["D1"] == row["D2"] == -1 for row in r.rows if row["Status"] == 3)
    r.tops = [
        Truth((6, 16), (8, 19), (9, 18), [(12, 22), (13, 24)], 0),
        Truth((7, 17), (10, 21), (11, 20), [(15, 26), (14, 25)], 11),
    ]
    r.jet(5, 19)
    r.jet(2, 22, 23)
    r.jet(1, 24)
    r.jet(5, 21)
    return r


def ranges_semileptonic(seed: int) -> Record:
    """Write a Pythia 8 record where half of the links are in D1 and D2 only."""
    r = Record(seed)
    total = four_vector(470.0, 0, 0, -120.0)
    t, tbar = r.split(total, 6, -6)
    r.beams((21, 21), (4, 21), total, 4, 5)
    r.add(6, 22, t, 2, 3, 6, 6)  # 4: a carbon copy, D1 == D2
    r.add(-6, 22, tbar, 2, 3, 7, -1)  # 5: one daughter, D2 == -1
    t1, isr, tbar1 = r.radiate(t, tbar, 25.0, 1.3)
    r.add(6, 62, t1, -1, -1, 12, 9)  # 6: two daughters apart, D2 < D1
    r.add(-6, 44, tbar1, -1, -1, 8, 8)  # 7
    r.add(-6, 62, tbar1, 7, 7, 10, 11)  # 8
    w, b = r.decay(6, 24, 5)
    wbar, bbar = r.decay(8, -24, -5)
    b1, g, w1 = r.radiate(b, w, 7.0, 0.3)
    r.add(24, 22, w, -1, -1, 13, -1)  # 9: a copy again, D2 == -1
    r.add(-24, 22, wbar, 8, -1, 18, 19)  # 10
    r.add(-5, 23, bbar, 8)  # 11
    r.add(5, 23, b, -1, -1, 16, 17)  # 12
    r.add(24, 52, w1, -1, -1, 14, 15)  # 13: a range, D1 < D2
    u, d = r.decay(13, 2, 1)
    r.add(2, 23, u)  # 14
    r.add(-1, 23, d)  # 15
    r.add(5, 51, b1, 12)  # 16
    r.add(21, 51, g, 12)  # 17
    mu, nu = r.decay(10, 13, 14)
    r.add(13, 1, mu, 10)  # 18
    r.add(-14, 1, nu, 10)  # 19
    r.add(21, 43, isr, 0)  # 20
    r.tops = [
        Truth((4, 6), (12, 16), (9, 13), [(14, 14), (15, 15)], 0),
        Truth((5, 8), (11, 11), (10, 10), [(19, 19), (18, 18)], 13),
    ]
    r.jet(5, 16, 17)
    r.jet(2, 14)
    r.jet(1, 15)
    r.jet(5, 11)
    return r


def ranges_dilepton(seed: int) -> Record:
    """Write another: W+ -> e+ nu by D2 < D1, the antitop by a range, tau by all of them."""
    r = Record(seed)
    total = four_vector(440.0, 0, 0, 30.0)
    t, tbar = r.split(total, 6, -6)
    # Two daughters apart, but the mother links of the tops say the same.
    r.beams((21, 21), (4, 21), total, 5, 4)
    r.add(6, 22, t, 2, 3, 6, 6)  # 4
    r.add(-6, 22, tbar, 2, 3, 7, 7)  # 5
    t1, isr, tbar1 = r.radiate(t, tbar, 25.0, 1.3)
    r.add(6, 62, t1, 4, 4, 8, 9)  # 6
    r.add(-6, 62, tbar1, -1, -1, 10, 11)  # 7: a copy by D1 == D2, then a range
    w, b = r.decay(6, 24, 5)
    wbar, bbar = r.decay(7, -24, -5)
    r.add(24, 22, w, 6, -1, 15, 12)  # 8: two daughters apart
    r.add(5, 23, b, 6)  # 9
    r.add(-24, 22, wbar, -1, -1, 13, 14)  # 10: a range
    r.add(-5, 23, bbar)  # 11
    e, nu = r.decay(8, 11, 12)
    r.add(-11, 1, e)  # 12
    tau, nu_tau = r.decay(10, 15, 16)
    r.add(15, 23, tau, -1, -1, 16, 16)  # 13: a copy by D1 == D2
    r.add(-16, 1, nu_tau)  # 14
    r.add(12, 1, nu)  # 15
    r.add(15, 2, tau, -1, -1, 18, 17)  # 16: two daughters apart
    pi, nu_tau = r.split(tau, 211, 16)
    r.add(-211, 1, pi)  # 17
    r.add(16, 1, nu_tau)  # 18
    r.add(21, 43, isr, 0)  # 19
    r.tops = [
        Truth((4, 6), (9, 9), (8, 8), [(15, 15), (12, 12)], 11),
        Truth((5, 7), (11, 11), (10, 10), [(14, 14), (13, 16)], 15),
    ]
    r.jet(5, 9)
    r.jet(5, 11)
    return r
