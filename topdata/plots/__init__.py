"""Control plots of a dataset, and the comparison of two.

What is drawn is one table, :data:`topdata.plots.catalogue.PLOTS`. Needs the extra ``plot``, whose
packages are imported when something is filled or drawn.
"""

from topdata.plots.comparison import compare_datasets
from topdata.plots.control import plot_dataset

__all__ = ["compare_datasets", "plot_dataset"]
