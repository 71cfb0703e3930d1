"""The Delphes tree of a ROOT file: its branches, found and read one leaf at a time.

Delphes writes one split ``TClonesArray`` branch per collection, and the collections come from
the user's card, so everything is discovered. Leaves are addressed as branch objects: a file may
hold two branches of one name, which path look-up confuses, and some leaves (``fBits``) cannot
be read at all.

Every byte of a file may be wrong, and uproot, its decompressors and awkward then raise whatever
they stumble on: what crosses this module's border is an ``InputError`` or a ``DamagedError``.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np

from topdata.errors import DamagedError, InputError, nearest, one_line
from topdata.events import Array


def _use_fast_inflate() -> None:
    """Let uproot inflate zlib baskets with ISA-L: half of the time of reading, half as long.

    ``uproot.ZLIB.library`` is the documented switch, but up to 5.7 the decompressor looks at its
    own attribute.
    """
    import uproot

    for place in (uproot.ZLIB, getattr(uproot.compression, "_DecompressZLIB", uproot.ZLIB)):
        place.library = "isal"


_LARGE = (("Particle", "PID"), ("Jet", "PT"))


class DelphesTree:
    """The highest cycle of the tree ``Delphes`` in one file."""

    def __init__(self, path: str, threads: int = 1) -> None:
        import uproot

        self.path = path
        _use_fast_inflate()
        self._executor: Executor | None = (
            uproot.ThreadPoolExecutor(threads) if threads > 1 else None
        )
        try:
            self._file = uproot.open({path: None})
            classes = self._file.classnames(recursive=False, cycle=True)
        except Exception as error:  # any byte of a ROOT header may be wrong
            raise InputError(
                f"{path}: damaged or truncated ROOT file ({one_line(error)})"
            ) from error
        self._require_whole()
        trees = [key for key, name in classes.items() if name == "TTree"]
        cycles = sorted(int(key.rpartition(";")[2]) for key in trees if key.startswith("Delphes;"))
        if not cycles:
            raise InputError(
                f"{path}: no tree 'Delphes' (trees in the file: {', '.join(trees) or 'none'})"
            )
        self.cycles = cycles
        try:
            self._tree = self._file[f"Delphes;{cycles[-1]}"]
            self.entries = int(self._tree.num_entries)
            self._leaves, self.collections = self._discover()
        except Exception as error:
            raise InputError(
                f"{path}: the tree 'Delphes' is damaged ({one_line(error)})"
            ) from error

    def _require_whole(self) -> None:
        """Compare the file's size with the one in its header: a broken copy may read for long."""
        declared, found = self._file.file.fEND, self._file.file.source.num_bytes
        if found is not None and found < declared:
            raise InputError(
                f"{self.path}: truncated ROOT file, {found} of {declared} bytes: copy it again"
            )

    def _discover(self) -> tuple[dict[tuple[str, str], Any], dict[str, str]]:
        leaves: dict[tuple[str, str], Any] = {}
        collections: dict[str, str] = {}
        for branch in self._tree.branches:
            if not branch.branches or branch.name in collections:
                continue  # a counter, or the second branch of a name
            collections[branch.name] = str(branch.all_members.get("fClonesName", ""))
            for leaf in branch.branches:
                leaves[branch.name, leaf.name.removeprefix(f"{branch.name}.")] = leaf
        return leaves, collections

    def has(self, collection: str, leaf: str) -> bool:
        """Tell whether a leaf is there."""
        return (collection, leaf) in self._leaves

    def class_version(self, name: str) -> int | None:
        """Return the version of a Delphes class as the file's streamers give it."""
        try:
            versions = self._file.file.streamers.get(name, {})
        except Exception:  # only for information: old streamers may not parse
            return None
        return max(versions) if versions else None

    def find(self, chosen: str | None, default: str, kind: str) -> str | None:
        """Return the collection to read, or ``None`` where the default one is absent.

        A collection that the user named must be there, and of the class ``kind``.
        """
        if chosen is None:
            return default if default in self.collections else None
        if chosen in self.collections:
            found = self.collections[chosen]
            if kind and found and found != kind:
                raise InputError(f"{self.path}: {chosen!r} holds {found}, not {kind}")
            return chosen
        raise InputError(
            f"{self.path}: no collection {chosen!r}{nearest(chosen, self.collections)}"
        )

    def read(self, collection: str, leaf: str, start: int, stop: int) -> tuple[Array, Array]:
        """Return (offsets [stop - start + 1], flat values) of a numeric leaf or a ``TRef``.

        Raises :class:`DamagedError` when a basket in the range cannot be read.
        """
        branch = self._leaves[collection, leaf]
        try:
            jagged = branch.array(
                entry_start=start,
                entry_stop=stop,
                library="ak",
                array_cache=None,
                decompression_executor=self._executor,
            )
            layout = jagged.layout.to_packed()
            offsets = np.asarray(layout.offsets.data)
            content = layout.content
            values = content["ref"] if "ref" in content.fields else content
            flat = np.asarray(values.data)
        except Exception as error:
            raise DamagedError(f"{collection}.{leaf} is damaged ({one_line(error)})") from error
        if len(offsets) != stop - start + 1:
            found, wanted = len(offsets) - 1, stop - start
            raise DamagedError(f"{collection}.{leaf} has {found} entries, expected {wanted}")
        return offsets, flat

    def cluster_edges(self) -> Array:
        """Entry numbers, from 0 to the end, where baskets of the large collections begin together.

        A read that starts and stops there unpacks no basket twice.
        """
        common = {0, self.entries}
        sizes = {name: self._leaves[name, leaf] for name, leaf in _LARGE if self.has(name, leaf)}
        begins = [{int(entry) for entry in leaf.entry_offsets} for leaf in sizes.values()]
        if begins:
            common |= set.intersection(*begins)
        return np.array(sorted(common), np.int64)

    def rows_per_event(self, collection: str, leaf: str) -> float:
        """Return the mean number of 4-byte rows of a leaf per entry, from its size."""
        size = float(self._leaves[collection, leaf].uncompressed_bytes)
        return size / 4 / max(self.entries, 1)

    def basket_edges(self, start: int, stop: int) -> Array:
        """All entries in [start, stop] where a basket of any leaf begins."""
        begins = {start, stop}
        for leaf in self._leaves.values():
            begins.update(int(entry) for entry in leaf.entry_offsets)
        return np.array(sorted(entry for entry in begins if start <= entry <= stop), np.int64)

    def close(self) -> None:
        """Close the file and its threads."""
        self._file.close()
        if self._executor is not None:
            self._executor.shutdown()
