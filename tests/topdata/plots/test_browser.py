"""The pages in a real browser."""

import numpy as np
import pytest

from topdata.plots import compare_datasets

from .browser import CHROMIUM, see, served

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: apt-get install chromium to test the pages"
)


def colours(pixels):
    """Return the number of colours, and the part of the area that is not the commonest one."""
    packed = pixels.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    _, counts = np.unique(packed, return_counts=True)
    return len(counts), 1 - counts.max() / counts.sum()


def assert_good(seen, images):
    assert seen.errors == []
    assert len(seen.images) == images
    assert all(i["complete"] and i["width"] > 800 and i["shown"] > 250 for i in seen.images)
    assert all(len(i["alt"]) > 40 for i in seen.images)
    assert seen.overflow == 0


def test_the_page_of_a_dataset_from_a_file(plots, tmp_path):
    seen = see((plots / "index.html").as_uri(), tmp_path, scroll=700)
    assert_good(seen, len(list((plots / "png").iterdir())))
    many, varied = colours(seen.pixels)
    assert many > 200
    assert varied > 0.1
    for part in np.array_split(seen.pixels[100:], 3):  # no third of the window is blank
        assert colours(part)[0] > 50


def test_the_page_on_a_dark_narrow_screen_from_a_server(plots, tmp_path):
    with served(plots) as address:
        seen = see(f"{address}/index.html", tmp_path, width=400, height=900, dark=True)
    assert_good(seen, len(list((plots / "png").iterdir())))
    assert seen.pixels[:, 0].mean() < 60  # a dark margin
    fetched = [url for url in seen.requests if not url.startswith("data:")]
    assert fetched == [f"{address}/index.html"]


def test_the_page_of_a_comparison(demo_dataset, tmp_path):
    compare_datasets(demo_dataset, demo_dataset, tmp_path / "c", processes=["tt"], figures=3)
    seen = see((tmp_path / "c" / "index.html").as_uri(), tmp_path)
    assert_good(seen, 3)
    assert colours(seen.pixels)[0] > 100
