"""Reader of LHCO text."""

from topdata.readers.lhco.reader import LhcoReader

__all__ = ["LhcoReader"]
