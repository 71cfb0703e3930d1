"""Chunks are freed when they are done with, not when the garbage collector comes by."""

import gc
import weakref

import pytest

from topdata.events import ReadOptions
from topdata.registry import reader_for
from topdata.truth import truth_of


@pytest.mark.parametrize("sample", ["record/tt.root", "demo/ttdm.root", "lhe/ttdecay.lhe.gz"])
def test_a_record_is_in_no_cycle(pytestconfig, sample):
    path = str(pytestconfig.rootpath / "tests" / "data" / sample)
    reader = reader_for(path)(path, ReadOptions())
    gc.collect()
    gc.disable()
    try:
        for chunk in reader.chunks(0, 10):
            truth_of(chunk.gen)
            record = weakref.ref(chunk.gen)
        del chunk
        assert record() is None
    finally:
        gc.enable()
    reader.close()
