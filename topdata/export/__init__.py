"""Datasets in the formats of other programs, for those who train with them.

``export`` streams a dataset into a new folder; each format is one file here, found through the
entry points ``topdata.exporters``. See :mod:`topdata.export.target` for what an exporter is.
"""

from topdata.export.run import Report, export, targets
from topdata.export.target import Options, Target, Written

__all__ = ["Options", "Report", "Target", "Written", "export", "targets"]
