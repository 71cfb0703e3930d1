"""From a recipe to a dataset on disk: plan, chain, split, shard, card."""

from topdata.build.run import build

__all__ = ["build"]
