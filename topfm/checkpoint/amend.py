"""Add to a checkpoint what is known only later: results, a card, pictures; weights stay."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from topdata.errors import OutputError, one_line
from topdata.whole import new_folder
from topfm.checkpoint.facts import Facts, config_text
from topfm.checkpoint.format import CONFIG, SUMS, entries, file_digest, require_texts, write_sums
from topfm.checkpoint.verify import verify
from topfm.errors import CheckpointError


def amend(
    folder: Path, *, facts: Facts | None = None, texts: Mapping[str, bytes] | None = None
) -> str:
    """Replace the facts or further files of a checkpoint and return its new digest (hex).

    The folder is replaced whole or not at all. Raises :class:`CheckpointError` if it is damaged,
    for facts that the weights were not made for, and for names of other kinds;
    :class:`OutputError` if it cannot be written, or is changed by somebody else meanwhile.
    """
    texts, folder = texts or {}, folder.resolve()  # a link is followed, not replaced
    require_texts(texts, folder)
    before = verify(folder)
    facts = facts or before.facts
    if facts.binding() != before.facts.binding():
        raise CheckpointError(f"{folder}: its weights were made for other facts: save it anew")

    config = config_text(facts, folder / CONFIG)

    def require_same() -> None:
        if file_digest(folder / SUMS) != before.digest:
            raise OutputError(f"{folder}: was changed meanwhile, try again")

    try:
        with new_folder(folder, require_same) as beside:
            for name in entries(folder):
                shutil.copyfile(folder / name, beside / name)
            (beside / CONFIG).write_text(config, encoding="utf-8", newline="\n")
            for name, content in texts.items():
                (beside / name).write_bytes(content)
            return write_sums(beside)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({one_line(error)})") from error
