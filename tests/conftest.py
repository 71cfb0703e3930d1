"""Fixtures for all tests: bundled files, a built dataset, the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from topdata.build import build
from topdata.cli import main
from topdata.manifest import Manifest
from topdata.recipe import load_recipe, make_recipe

DATA = Path(__file__).parent / "data"
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's cache out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOPDATA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def demo() -> Path:
    """Folder of the bundled events."""
    return DATA / "demo"


@pytest.fixture(scope="session")
def delphes() -> Path:
    """Folder of the small peculiar Delphes files."""
    return DATA / "delphes"


@pytest.fixture(scope="session")
def expected(delphes: Path) -> dict[str, Any]:
    """What the peculiar files hold."""
    content: dict[str, Any] = json.loads((delphes / "expected.json").read_text())
    return content


@pytest.fixture(scope="session")
def demo_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of cards/recipes/demo.yaml."""
    recipe = ROOT / "cards" / "recipes" / "demo.yaml"
    output = tmp_path_factory.mktemp("demo") / "demo-tops"
    build(load_recipe(recipe), output, base=recipe.parent)
    return output


Build = Callable[..., Manifest]


@pytest.fixture
def build_files(tmp_path: Path) -> Build:
    """Build the given files as one process into tmp_path/out."""

    def run(
        *files: Path, skip_bad: bool = False, cross_section: float | None = 1.0, **options: Any
    ) -> Manifest:
        recipe = make_recipe(
            {
                "name": "test",
                "processes": [
                    {
                        "name": "p",
                        "files": [str(file) for file in files],
                        "cross_section": cross_section,
                    }
                ],
                **options,
            },
            "test",
        )
        return build(recipe, tmp_path / "out", skip_bad=skip_bad)

    return run


class Ran:
    """The result of a command."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def topdata(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command line in this process, as its entry point does."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
