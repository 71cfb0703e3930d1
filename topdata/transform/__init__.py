"""From datasets to a dataset: cut, join, bring to the current schema. No source is read again."""

from topdata.transform.merging import merge
from topdata.transform.migration import migrate
from topdata.transform.skimming import skim

__all__ = ["merge", "migrate", "skim"]
