"""Nothing is pickled, and nothing that was pickled is opened: every line of the packages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# imports of pickle are forbidden by import-linter; these reach it through somebody else
WAYS = re.compile(
    r"torch\.(load|save)\b|from torch\.?\w* import .*\b(load|save)\b|\bpickle\.|allow_pickle=True"
    r"|weights_only=False|\bjoblib\.(load|dump)|\.(save_state|load_state)\(|(?<!\.)\beval\(|\bexec\("
)


@pytest.mark.parametrize("package", ["topdata", "topfm"])
def test_no_way_to_a_pickle(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert len(files) > 10
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if WAYS.search(line) and "``" not in line
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    ["torch.load(path)", "from torch import load", "np.load(p, allow_pickle=True)", "eval(text)"],
)
def test_it_would_be_seen(line):
    assert WAYS.search(line)
