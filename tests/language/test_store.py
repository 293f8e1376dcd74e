"""The vector store: what comes back is what was committed, and nothing damaged comes back."""

from __future__ import annotations

import json
import os
import pickle
import random
import subprocess
import sys
import threading

import numpy as np
import pytest

from protgraph.language import index, segments, store
from protgraph.language.storage import STORAGE
from protgraph.language.store import Store, key, repair

REPAIR = r"the vector store is damaged \(.*\. protgraph.language.store.repair\('.*'\) keeps"


def vectors(*sizes, width=5, seed=0):
    """Keys and arrays of some proteins; a size of 0 is a pooled vector."""
    draw = np.random.default_rng(seed)
    return {
        key(f"{seed} {i}", "digest"): draw.normal(size=(size, width) if size else width).astype(
            "f4"
        )
        for i, size in enumerate(sizes)
    }


def same(held, given):
    for name, array in given.items():
        assert name in held
        assert np.array_equal(held.get(name), array)


@pytest.fixture
def held(tmp_path):
    return Store(tmp_path / "vectors")


def test_vectors_come_back_as_they_were_added(held):
    given = vectors(7, 0, 1, 300)
    held.add(given)
    assert len(held) == 4
    same(held, given)
    same(Store(held.folder), given)
    assert all(held.get(name).dtype == np.float32 for name in given)


def test_a_store_of_many_commits_and_segments_has_all_of_them(held, monkeypatch):
    monkeypatch.setattr(store, "SEGMENT", 1000)
    commits = [vectors(3, 10 + seed, seed=seed) for seed in range(8)]
    for given in commits:
        held.add(given)
    assert len(list(held.folder.glob("*.seg"))) > 2
    for given in commits:
        same(held, given)
        same(Store(held.folder), given)


def test_widths_pools_and_storages_live_in_one_store(held):
    wide, pooled = vectors(4, width=9), vectors(0, 0, seed=1)
    held.add(wide)
    held.add(pooled)
    held.add(vectors(6, seed=2), storage="fp16")
    same(Store(held.folder), {**wide, **pooled})


def test_vectors_of_one_commit_have_one_width(held):
    with pytest.raises(ValueError, match=r"one commit have one width, got \[4, 5\]"):
        held.add({**vectors(2, width=4), **vectors(2, seed=1)})


def test_a_key_that_is_there_is_left_as_it_is(held):
    given = vectors(7)
    held.add(given)
    before = (held.folder / "000001.seg").stat().st_size
    held.add({name: array + 1 for name, array in given.items()})
    held.add({})
    same(held, given)
    assert (held.folder / "000001.seg").stat().st_size == before


def test_a_key_that_is_not_there_is_a_key_error(held):
    with pytest.raises(KeyError, match=f"no vectors with the key {'0' * 32}"):
        held.get("0" * 32)


@pytest.mark.parametrize(
    "other",
    [("MKVA", "d", "none", "fp32"), ("MKV", "e", "none", "fp32"), ("MKV", "d", "mean", "fp32"),
     ("MKV", "d", "none", "fp16")],
)  # fmt: skip
def test_the_key_knows_sequence_encoder_pooling_and_storage(other):
    sequence, digest, pool, storage = other
    assert key(sequence, digest, pool=pool, storage=storage) != key("MKV", "d")


@pytest.mark.parametrize("storage", STORAGE)
def test_full_precision_is_a_view_of_the_file_and_no_array_can_be_written(held, storage):
    given = vectors(7)
    held.add(given, storage=storage)
    found = held.get(*given)
    assert found.flags.owndata == (storage != "fp32")
    with pytest.raises(ValueError, match="read-only"):
        found[:] = 0


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("size", [0, 1, 40])
def test_the_error_of_storing_is_the_one_that_is_told(held, storage, size):
    given = vectors(size, size, width=64)
    held.add(given, storage=storage)
    pairs = [(array, held.get(name)) for name, array in given.items()]
    told = held.error[storage]
    assert told.largest == pytest.approx(max(np.abs(a - b).max() for a, b in pairs), rel=1e-6)
    rows = [
        (a, b) for one, two in pairs for a, b in zip(*map(np.atleast_2d, (one, two)), strict=True)
    ]
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in rows]
    assert told.cosine == pytest.approx(np.mean(cosines), abs=1e-6)
    assert told.vectors == len(rows)
    assert told.largest <= {"fp32": 0, "fp16": 4e-3, "int8": 2e-2}[storage]
    assert Store(held.folder).error == held.error
    assert json.loads((held.folder / "index.json").read_text())["error"][storage] == told._asdict()


def test_what_is_computed_from_fewer_bytes_takes_fewer(held):
    given = vectors(100, width=64)
    sizes = {storage: segments.packed(given, storage)[0].size for storage in STORAGE}
    assert sizes["fp32"] > 1.9 * sizes["fp16"] > 3.5 * sizes["int8"] / 1.1


def test_a_column_of_zeros_survives_int8(held):
    given = {key("M", "d"): np.zeros((3, 4), np.float32)}
    held.add(given, storage="int8")
    same(held, given)
    assert held.error["int8"] == (0.0, 1.0, 3)


@pytest.mark.parametrize(
    ("value", "storage"), [(np.nan, "fp32"), (np.inf, "fp32"), (-np.inf, "int8"), (7e4, "fp16")]
)
def test_a_value_that_cannot_be_kept_is_refused_and_nothing_of_its_commit_stays(
    held, value, storage
):
    given = vectors(4, 4)
    list(given.values())[1][2, 3] = value
    with pytest.raises(ValueError, match=rf"vectors kept as {storage} are finite and at most"):
        held.add(given, storage=storage)
    assert len(held) == len(Store(held.folder)) == 0


def test_a_reader_sees_what_it_saw_until_it_looks_again(held):
    first, second = vectors(7, seed=1), vectors(300, seed=2)
    held.add(first)
    reader = Store(held.folder)
    view = reader.get(*first)
    held.add(second)
    assert len(reader) == 1
    reader.refresh()
    same(reader, {**first, **second})
    assert np.array_equal(view, *first.values())


def test_a_store_goes_to_another_process_by_its_folder(held):
    given = vectors(7)
    held.add(given)
    assert len(pickle.dumps(held)) < 500
    same(pickle.loads(pickle.dumps(held)), given)


def test_nothing_is_made_by_reading(tmp_path):
    assert len(Store(tmp_path / "none")) == 0
    assert list(tmp_path.iterdir()) == []


def test_threads_share_a_store(held):
    commits = [vectors(5, 6, seed=seed) for seed in range(20)]
    threads = [threading.Thread(target=held.add, args=(given,)) for given in commits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for given in commits:
        same(held, given)
    assert len(Store(held.folder)) == 40


def test_a_second_writer_is_told_who_the_first_is(held):
    with held.writing():
        other = Store(held.folder)
        with pytest.raises(
            BlockingIOError, match=f"one writer at a time.*process {os.getpid()} on"
        ):
            other.add(vectors(3))
        held.add(vectors(4))
    other.add(vectors(3, seed=1))
    assert len(other) == 2


HOLD = """
import sys, time
from protgraph.language.store import Store
with Store(sys.argv[1]).writing():
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_of_a_dead_process_is_free(held):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, held.folder], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError, match=f"process {process.pid} on"):
            held.add(vectors(3))
        process.kill()
    held.add(vectors(3))
    assert len(held) == 1


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", ["settle", "write"])
@pytest.mark.parametrize("first", [True, False], ids=["first commit", "later commit"])
def test_a_commit_that_is_cut_short_at_any_step_is_all_or_nothing(
    held, monkeypatch, first, step, before
):
    old, new = vectors(7, seed=1), vectors(9, 2, seed=2)
    if not first:
        held.add(old)
    module = segments if step == "settle" else index
    real = getattr(module, step)

    def cut(*given):
        if not before:
            real(*given)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, cut)
    with pytest.raises(KeyboardInterrupt):
        held.add(new)
    monkeypatch.undo()
    there = step == "write" and not before and not first
    for seen in (Store(held.folder), held):
        seen.refresh()
        assert len(seen) == (0 if first else 1) + (2 if there else 0)
    held.add(new)
    for seen in (Store(held.folder), held):
        same(seen, new if first else {**old, **new})


def test_bytes_that_do_not_count_are_overwritten(held):
    held.add(vectors(7, seed=1))
    path = held.folder / "000001.seg"
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"protgvec" * 5000)
    same(Store(held.folder), vectors(7, seed=1))
    held.add(vectors(2, seed=2))
    assert path.stat().st_size < size + 1000
    same(Store(held.folder), {**vectors(7, seed=1), **vectors(2, seed=2)})


def flip(path, at, bit=3):
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


@pytest.fixture
def three(held):
    """A store of three commits in one segment, and where they begin."""
    commits, starts = [vectors(40, 30, seed=seed) for seed in range(3)], []
    for given in commits:
        path = held.folder / "000001.seg"
        starts.append(path.stat().st_size if path.exists() else 0)
        held.add(given)
    return held.folder, path, commits, [*starts, path.stat().st_size]


def test_no_flipped_bit_comes_back_as_a_vector(three):
    folder, path, commits, (_, start, end, _) = three
    whole = path.read_bytes()
    draw = random.Random(0)
    noticed = 0
    for at in [*range(start, start + 200, 7), *(draw.randrange(start, end) for _ in range(60))]:
        flip(path, at, draw.randrange(8))
        try:
            found = Store(folder)
            for given in commits:
                same(found, given)
        except ValueError:
            noticed += 1
        path.write_bytes(whole)  # what went unnoticed was in the padding between arrays
    assert noticed > 60


@pytest.mark.parametrize("part", ["header", "table", "vectors"])
def test_a_damaged_block_is_named_and_repair_loses_it_alone(three, part):
    folder, path, commits, (_, start, end, _) = three
    flip(path, {"header": start + 17, "table": start + 70, "vectors": end - 100}[part])
    with pytest.raises(ValueError, match=f"000001.seg: {REPAIR}"):
        same(Store(folder), commits[1])
    assert repair(folder) == 4
    found = Store(folder)
    for given in (commits[0], commits[2]):
        same(found, given)
    assert not any(name in found for name in commits[1])
    assert [path.name for path in folder.glob("*.seg")] == ["000002.seg"]
    found.add(commits[1])
    for given in commits:
        same(Store(folder), given)


def test_every_damaged_segment_is_repaired(held, monkeypatch):
    monkeypatch.setattr(store, "SEGMENT", 4000)
    commits = [vectors(40, 30, seed=seed) for seed in range(8)]
    for given in commits:
        held.add(given)
    paths = sorted(held.folder.glob("*.seg"))
    assert len(paths) == 4
    for path in paths[:3]:  # the first of the two commits in each
        flip(path, 70)
    assert repair(held.folder) == 10
    found = Store(held.folder)
    for given in (*commits[1:6:2], *commits[6:]):
        same(found, given)
    assert len(list(held.folder.glob("*.seg"))) == 4


@pytest.mark.parametrize("cut", [1, 5000, 10**6], ids=["in the last", "in the one before", "all"])
def test_a_segment_that_was_cut_short_is_refused_and_repaired(three, cut):
    folder, path, commits, starts = three
    with path.open("r+b") as file:
        file.truncate(max(starts[-1] - cut, 0))
    with pytest.raises(ValueError, match=rf"it has [\d,]+ bytes, not {starts[-1]:,}.*repair"):
        Store(folder)
    whole = sum(end <= starts[-1] - cut for end in starts[1:])
    assert repair(folder) == 2 * whole
    found = Store(folder)
    for given in commits[:whole]:
        same(found, given)
    for given in commits:
        found.add(given)
        same(Store(folder), given)


def test_a_segment_that_is_gone_is_refused_and_its_vectors_are_forgotten(three):
    folder, path, *_ = three
    path.unlink()
    with pytest.raises(ValueError, match=f"000001.seg: {REPAIR}"):
        Store(folder)
    assert repair(folder) == 0
    Store(folder).add(vectors(3))


@pytest.mark.parametrize(
    "text", [None, "", "[]", '{"version": 1}', '{"version": 1, "segments": 3}']
)
def test_a_damaged_index_is_refused_and_made_anew_from_the_segments(three, text):
    folder, _, commits, _ = three
    held = folder / "index.json"
    if text is None:
        held.unlink()
    else:
        held.write_text(text)
    with pytest.raises(ValueError, match=f"index.json: {REPAIR}"):
        Store(folder)
    assert repair(folder) == 6
    for given in commits:
        same(Store(folder), given)


def test_repair_leaves_a_sound_store_as_it_is(three):
    folder, path, *_ = three
    Store(folder).add(vectors(8, seed=9), storage="fp16")
    before, error = path.read_bytes(), Store(folder).error
    index_before = (folder / "index.json").read_text()
    assert repair(folder) == 7
    assert path.read_bytes() == before
    assert (folder / "index.json").read_text() == index_before
    assert Store(folder).error == error


def test_a_reader_of_a_repaired_store_looks_again(three):
    folder, path, commits, (_, start, _, _) = three
    reader = Store(folder)
    view = reader.get(next(iter(commits[2])))
    flip(path, start + 17)
    repair(folder)
    reader.refresh()
    same(reader, commits[2])
    assert len(reader) == 4
    assert np.array_equal(view, next(iter(commits[2].values())))


def test_repair_waits_for_no_writer(held):
    with held.writing(), pytest.raises(BlockingIOError, match="one writer at a time"):
        repair(held.folder)


def test_a_store_of_another_version_is_refused(held, monkeypatch):
    held.add(vectors(3))
    monkeypatch.setattr(index, "VERSION", 2)
    with pytest.raises(ValueError, match="reads vector stores of version 2, got 1"):
        Store(held.folder)


READ = """
import sys, time
import numpy as np
from protgraph.language.store import Store
store, least = Store(sys.argv[1]), 0
print("open", flush=True)
while len(store) < 200:
    store.refresh()
    assert len(store) >= least and len(store) % 2 == 0, len(store)
    least = len(store)
    for i in range(least // 2):
        for name in (f"{i:032x}", f"{i + 2**64:032x}"):
            assert (store.get(name) == i).all()
print("read", flush=True)
"""


def test_a_reader_beside_a_writer_sees_whole_commits_alone(held):
    with subprocess.Popen(
        [sys.executable, "-c", READ, held.folder], stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "open\n"
        for i in range(100):
            array = np.full((50, 4), i, np.float32)
            held.add({f"{i:032x}": array, f"{i + 2**64:032x}": array[0]})
        assert reader.stdout.readline() == "read\n"
    assert reader.returncode == 0
