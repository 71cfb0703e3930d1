"""npz files without pickles, with a note in the archive that NumPy passes over."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from topdata.kinematics import Array


def write_npz(path: Path, arrays: Iterable[tuple[str, Array]], note: dict[str, Any]) -> None:
    """Write arrays as ``numpy.savez_compressed`` does; ``note`` is the comment of the archive.

    Members carry no time: the same arrays give the same bytes.
    """
    with zipfile.ZipFile(path, "x", compression=zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.comment = json.dumps(note).encode()
        for name, values in arrays:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, values, allow_pickle=False)
