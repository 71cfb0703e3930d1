"""Les Houches event files (hep-ph/0609017, arXiv:1405.1067): an own strict, streaming parser."""

from topdata.readers.lhe.reader import LheReader

__all__ = ["LheReader"]
