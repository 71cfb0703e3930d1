"""What to build, as a person writes it down: a YAML file, checked key by key.

Defaults live here and nowhere else.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from topdata.errors import RecipeError
from topdata.quantities import parse_cut
from topdata.strict import Strict, explain, read_yaml

Name = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[float, BeforeValidator(lambda value: _no_bool(value))]
_PROCESS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+.]*")


def _no_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Process(Strict):
    """One process: its files and its cross-section."""

    name: Name
    files: list[str] = Field(default_factory=list, description="paths, globs or URLs")
    delphes: list[str] = Field(default_factory=list, description="files to pair with `lhe`")
    lhe: list[str] = Field(default_factory=list, description="one LHE file for each of `delphes`")
    cross_section: Number | None = Field(
        None, gt=0, description="pb; taken from the files where it is absent"
    )

    _one_or_many = field_validator("files", "delphes", "lhe", mode="before")(_as_list)

    @model_validator(mode="after")
    def _some_files(self) -> Process:
        if bool(self.files) == bool(self.delphes):
            raise ValueError("give either `files`, or `delphes` and `lhe` to pair them")
        if self.delphes and not self.lhe:
            raise ValueError("`delphes` needs `lhe` to be paired with; without, write `files`")
        if self.lhe and not self.delphes:
            raise ValueError("`lhe` pairs with `delphes`; generator events alone are `files`")
        return self

    @field_validator("name")
    @classmethod
    def _safe(cls, name: str) -> str:
        # it becomes part of a file name, in which '-' separates
        if not _PROCESS_NAME.fullmatch(name):
            raise ValueError("use letters, digits and _ + . only")
        return name


class Cuts(Strict):
    """Which objects of a kind are kept."""

    min_pt: Number = Field(0.0, ge=0, description="GeV")
    max_eta: Number | None = Field(None, gt=0, description="largest |eta|")
    max_isolation: Number | None = Field(None, gt=0, description="largest relative isolation")


class JetCuts(Strict):
    """Which jets are kept, and which bit of the b-tag mask counts as a b-tag."""

    min_pt: Number = Field(0.0, ge=0, description="GeV")
    max_eta: Number | None = Field(None, gt=0, description="largest |eta|")
    btag_bit: int = Field(0, ge=0, le=6, description="working point of the detector card")


class Objects(Strict):
    """Object selection; without it every object of the file is kept."""

    jets: JetCuts = JetCuts()
    electrons: Cuts = Cuts()
    muons: Cuts = Cuts()
    photons: Cuts = Cuts()
    overlap: Number | None = Field(
        None, gt=0, description="jets closer than this (delta R) to a kept lepton are dropped"
    )


class Matching(Strict):
    """How jets are matched to partons."""

    method: Literal["assignment", "unique", "closest"] = "assignment"
    radius: Number = Field(0.4, gt=0, description="largest delta R")


class BranchNames(Strict):
    """Names of collections where they are not the usual ones."""

    jets: str | None = None
    electrons: str | None = None
    muons: str | None = None
    photons: str | None = None
    met: str | None = None
    particles: str | None = None
    weight: str | None = None


class Splits(Strict):
    """Fractions of the events; they must sum to one."""

    train: Number = Field(0.8, ge=0, le=1)
    validation: Number = Field(0.1, ge=0, le=1)
    test: Number = Field(0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> Splits:
        if abs(sum(self.fractions.values()) - 1) > 1e-9:
            raise ValueError(f"the fractions sum to {sum(self.fractions.values()):g}, not to 1")
        return self

    @property
    def fractions(self) -> dict[str, float]:
        """Fractions by split name, in order."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


class Rules(Strict):
    """What a recipe does with every event, whatever its process: this shapes a part."""

    objects: Objects = Objects()
    matching: Matching = Matching()
    select: list[str] = Field(default_factory=list, description="cuts, applied in order")
    splits: Splits = Splits()
    branches: BranchNames = BranchNames()
    invisible: list[int] = Field(
        default_factory=list, description="PDG codes of new particles that a detector misses"
    )
    truth: bool = Field(True, description="false leaves the generator record unread")

    _one_or_many = field_validator("select", mode="before")(_as_list)

    @field_validator("select")
    @classmethod
    def _parsed(cls, cuts: list[str]) -> list[str]:
        for cut in cuts:
            parse_cut(cut)
        return cuts


class Recipe(Rules):
    """A dataset to build."""

    name: Name
    processes: list[Process] = Field(min_length=1)
    description: str = ""
    universal: bool = Field(False, description="also write the fixed-slot configuration")

    @field_validator("description")
    @classmethod
    def _stripped(cls, text: str) -> str:
        return text.strip()

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        if not name.isprintable() or set(name) & set("`|"):
            raise ValueError("use printable characters other than ` and |")
        return name

    @model_validator(mode="after")
    def _distinct(self) -> Recipe:
        names = [process.name for process in self.processes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two processes are named {name!r}")
        return self

    def rules(self) -> Rules:
        """Return the part of the recipe that shapes every event."""
        return Rules(**{name: getattr(self, name) for name in Rules.model_fields})

    def plain(self) -> dict[str, Any]:
        """Return what differs from the defaults in plain types, the name first."""
        content = self.model_dump(mode="json", exclude_defaults=True)
        first = ("name", "description", "processes")
        return {name: content[name] for name in (*first, *content) if name in content}


def load_recipe(path: Path) -> Recipe:
    """Read a recipe. Its file names stay as written, relative to the recipe's folder.

    Raises :class:`RecipeError` with one line that names the file, the key and the nearest key.
    """
    content = read_yaml(path, "a recipe is a mapping with `name:` and `processes:`")
    return make_recipe(content, str(path))


def make_recipe(content: dict[str, Any], where: str) -> Recipe:
    """Check a recipe given as plain types; ``where`` names its origin in messages."""
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{where}: {explain(error, Recipe)}") from None
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None
