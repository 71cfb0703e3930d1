"""Delphes ROOT files (3.3 to 3.5): tree, collections, generator record and references."""

from topdata.readers.delphes.reader import DelphesReader

__all__ = ["DelphesReader"]
