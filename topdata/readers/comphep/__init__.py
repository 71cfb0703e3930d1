"""CompHEP and CalcHEP native event texts (not their LHE output, which is LHE)."""

from topdata.readers.comphep.reader import CompHepReader

__all__ = ["CompHepReader"]
