"""Records as Herwig writes them: status 1, 2 and 11 only, links partly missing."""

from __future__ import annotations

from kinematics import direction, four_vector, two_body
from record import MASSES, RESONANCE, Record, Truth


def herwig_dilepton(seed: int) -> Record:
    """Write t tbar, both leptonic, with many copies: e+ and tau- -> mu-."""
    r = Record(seed)
    total = four_vector(520.0, 0, 0, 150.0)
    t, tbar = r.split(total, 6, -6)
    t1, g, tbar1 = r.radiate(t, tbar, 40.0, 0.8)
    r.beams((21, 21), (11, 11), total, 4, 5)
    r.add(6, 11, t, 2, 3, 6, 7)  # 4
    r.add(-6, 11, tbar, 2, 3)  # 5, its copy names it as the mother only
    r.add(6, 11, t1, 4, -1, 9, 9)  # 6
    r.add(21, 11, g, 4)  # 7
    r.add(-6, 11, tbar1, 5)  # 8
    r.add(6, 11, t1, 6, -1, 11, 12)  # 9
    r.add(-6, 11, tbar1, 8)  # 10
    w, b = r.decay(9, 24, 5)
    wbar, bbar = r.decay(10, -24, -5)
    b1, g, w1 = r.radiate(b, w, 8.0, 0.3)
    r.add(5, 11, b, 9)  # 11
    r.add(24, 11, w, 9)  # 12
    r.add(-5, 11, bbar, 10)  # 13
    r.add(-24, 11, wbar, 10)  # 14
    r.add(24, 11, w1, 12)  # 15
    r.add(24, 11, w1, 15, -1, 21, 22)  # 16
    r.add(5, 11, b1, 11)  # 17
    r.add(21, 11, g, 11)  # 18
    r.add(-5, 11, bbar, 13)  # 19
    r.add(-24, 11, wbar, 14)  # 20
    e, nu = r.decay(16, 11, 12)
    r.add(-11, 1, e, 16)  # 21
    r.add(12, 1, nu, 16)  # 22
    tau, nu = r.decay(20, 15, 16)
    r.add(15, 11, tau, 20)  # 23
    r.add(-16, 1, nu, 20)  # 24
    r.add(15, 11, tau, 23)  # 25
    r.add(15, 2, tau, 25)  # 26
    pair, nu_tau = two_body(r.p[26], 1.0, MASSES[16], direction(r.rng))
    mu, nu_mu = r.split(pair, 13, 14)
    r.add(13, 1, mu, 26)  # 27
    r.add(-14, 1, nu_mu, 26)  # 28
    r.add(16, 1, nu_tau, 26)  # 29
    r.hadrons(17)
    r.hadrons(19)
    r.tops = [
        Truth((4, 9), (11, 17), (12, 16), [(22, 22), (21, 21)], 11),
        Truth((5, 10), (13, 19), (14, 20), [(24, 24), (23, 26)], 15, [27]),
    ]
    r.jet(5, 17, 18)
    r.jet(5, 19)
    r.jet(21, 7)
    return r


def herwig_gluon(seed: int) -> Record:
    """Write t tbar with t -> W b g, W hadronic, and the other top to a muon."""
    r = Record(seed)
    total = four_vector(480.0, 0, 0, -90.0)
    t, tbar = r.split(total, 6, -6)
    tbar1, from_tbar, t1 = r.radiate(tbar, t, 15.0, 0.8)
    r.beams((2, -2), (11, 11), total)
    r.add(6, 11, t, 2, 3)  # 4
    r.add(-6, 11, tbar, 2, 3)  # 5
    r.add(6, 11, t1, 4, -1, 8, 10)  # 6
    r.add(-6, 11, tbar1, 5)  # 7
    w0, b0 = r.decay(6, 24, 5)
    b, g, w = r.radiate(b0, w0, 30.0, 1.2)
    r.add(24, 11, w, 6)  # 8
    r.add(5, 11, b, 6)  # 9
    r.add(21, 11, g, 6)  # 10
    wbar, bbar = r.decay(7, -24, -5)
    r.add(-5, 11, bbar, 7)  # 11
    r.add(-24, 11, wbar, 7, -1, 20, 21)  # 12
    r.add(24, 11, w, 8)  # 13
    c, s = r.decay(13, 4, 3)
    c1, g, s1 = r.radiate(c, s, 5.0, 0.3)
    r.add(4, 11, c, 13)  # 14
    r.add(-3, 11, s, 13)  # 15
    r.add(4, 11, c1, 14)  # 16
    r.add(21, 11, g, 14)  # 17
    r.add(-3, 11, s1, 15)  # 18
    r.add(5, 11, b, 9)  # 19
    mu, nu = r.decay(12, 13, 14)
    r.add(13, 1, mu, 12)  # 20
    r.add(-14, 1, nu, 12)  # 21
    r.add(21, 11, from_tbar, 5)  # 22
    r.hadrons(19)
    r.hadrons(11)
    r.tops = [
        Truth((4, 6), (9, 19), (8, 13), [(14, 16), (15, 18)], 0),
        Truth((5, 7), (11, 11), (12, 12), [(21, 21), (20, 20)], 13),
    ]
    r.jet(5, 19)
    r.jet(4, 16, 17, tag=1)  # a mistag
    r.jet(3, 18)
    r.jet(5, 11)
    r.jet(21, 10)
    return r


def herwig_resonance(seed: int) -> Record:
    """Write a resonance to t tbar beside another t tbar, all hadronic."""
    r = Record(seed)
    total = four_vector(1150.0, 0, 0, 60.0)
    resonance, pair = two_body(total, MASSES[RESONANCE], 400.0, direction(r.rng))
    t, tbar = r.split(pair, 6, -6)
    r.beams((21, 21), (11, 11), total)
    r.add(RESONANCE, 11, resonance, 2, 3)  # 4
    r.add(6, 11, t, 2, 3)  # 5
    r.add(-6, 11, tbar, 2, 3)  # 6
    r.add(RESONANCE, 11, resonance, 4, -1, 8, 9)  # 7
    t, tbar = r.decay(7, 6, -6)
    r.add(6, 11, t, 7)  # 8
    r.add(-6, 11, tbar, 7)  # 9
    r.add(6, 11, r.p[5], 5)  # 10
    r.add(-6, 11, r.p[9], 9)  # 11
    r.others = [(4, 7)]
    lines = [(5, 10, (2, -1)), (6, 6, (-4, 3)), (8, 8, (4, -3)), (9, 11, (-2, 1))]
    for first, last, (up, down) in lines:
        sign = 1 if up > 0 else -1
        w, b = r.decay(last, 24, 5)
        w_index = r.add(24 * sign, 11, w, last)
        b_index = r.add(5 * sign, 11, b, last)
        copy = r.add(24 * sign, 11, w, w_index)
        p_up, p_down = r.decay(copy, up, down)
        u = r.add(up, 11, p_up, copy)
        d = r.add(down, 11, p_down, copy)
        if sign > 0:
            r.rows[copy].update(D1=u, D2=d)
        r.tops.append(
            Truth((first, last), (b_index, b_index), (w_index, copy), [(u, u), (d, d)], 0)
        )
        r.jet(5, b_index, tag=0 if first == 9 else 1)
        r.jet(abs(up), u)
        r.jet(abs(down), d)
    for top in r.tops:
        r.hadrons(top.b[1])
    return r
