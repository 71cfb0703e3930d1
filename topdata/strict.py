"""What a person writes down, checked key by key; a fault is one line with the nearest name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from topdata.errors import RecipeError, nearest, one_line


class Strict(BaseModel):
    """A part of a recipe or configuration: unknown keys are faults, and nothing changes later."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_yaml(path: Path, wanted: str) -> dict[str, Any]:
    """Read a YAML mapping in which no key stands twice; ``wanted`` says what it should be.

    Raises :class:`RecipeError`.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except FileNotFoundError as error:
        raise RecipeError(f"{path}: no such file") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RecipeError(f"{path}: not a readable YAML file ({one_line(error)})") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: {wanted}")
    return content


class _Loader(yaml.SafeLoader):
    """Plain YAML in which a key may stand once: a second one would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping. Raises if a key repeats."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


def explain(error: ValidationError, root: type[BaseModel]) -> str:
    """Say the first fault in one line: the key, what is wrong, the nearest valid name."""
    faults = error.errors()
    first = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    key = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in first["loc"]).lstrip(".")
    if first["type"] == "extra_forbidden":
        known = _fields_at(root, first["loc"][:-1])
        return f"unknown key {key!r}{nearest(str(first['loc'][-1]), known)}"
    message = first["msg"].removeprefix("Value error, ")
    given = first.get("input")
    shown = f" (given {given!r})" if isinstance(given, str | int | float | bool) else ""
    return f"{key}: {message}{shown}" if key else message


def _fields_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the valid keys of the model at a location below ``model``."""
    for key in location:
        if isinstance(key, int) or key not in model.model_fields:
            continue
        annotation: Any = model.model_fields[key].annotation
        model = next((a for a in (annotation, *get_args(annotation)) if _is_model(a)), model)
    return list(model.model_fields)


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
