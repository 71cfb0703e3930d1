"""From a generator record to tops, Ws and partons, and from those to reconstructed objects."""

from topdata.truth.match import match
from topdata.truth.topology import Truth, no_truth, truth_of

__all__ = ["Truth", "match", "no_truth", "truth_of"]
