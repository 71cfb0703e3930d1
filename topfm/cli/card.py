"""``topfm card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def card(
    checkpoint: Annotated[Path, typer.Argument(help="A checkpoint's folder.")],
    data: Annotated[
        str | None, typer.Option("--data", help="A dataset to run the card's example on.")
    ] = None,
    address: Annotated[
        str | None, typer.Option("--address", help="Where it will be published: org/name.")
    ] = None,
    license_id: Annotated[
        str, typer.Option("--license", help="Licence of the weights, as the Hub names it.")
    ] = "cc-by-4.0",
) -> None:
    """Write the model card of a checkpoint from what was recorded in it.

    Example: `topfm card signal --data demo-dataset --address my-group/signal`

    `topfm evaluate --baselines --record` puts the results into the checkpoint first.
    """
    from topfm.hub.card import write_card
    from topfm.hub.datasets import locate

    digest = write_card(
        checkpoint, address=address, dataset=locate(data) if data else None, license_id=license_id
    )
    typer.echo(f"{checkpoint / 'README.md'} is written; the checkpoint's digest is now {digest}")
