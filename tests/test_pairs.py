"""Data of pairs, unpaired sets and IDX files: what is read, and the sentence for what can't be."""

import gzip
import struct
import sys

import numpy as np
import pytest
import tensorflow as tf
from data_cases import PICTURES, VECTORS, picture, take
from PIL import Image

from ganzoo import data
from ganzoo.data import toys

BOTH = ("source", "target")


def rows_of(dataset):
    """All rows in their order, {name: [N, ...]}."""
    return {
        key: x.numpy() for key, x in next(iter(dataset.batch(int(dataset.cardinality())))).items()
    }


def same_rows(found, expected):
    """Whether both hold the same pairs, in any order."""
    keys = [
        sorted(zip(*(map(bytes, x[name]) for name in BOTH), strict=True)) for x in (found, expected)
    ]
    return keys[0] == keys[1]


# ---- what comes along


def test_digit_pairs_follow_their_map():
    dataset = data.load("digit_pairs")
    assert dataset.cardinality() == 1797
    rows = rows_of(dataset)
    assert rows["source"].shape == (1797, 16, 16, 1) and rows["source"].dtype == np.uint8
    np.testing.assert_array_equal(rows["target"], toys.blurred_negative(rows["source"]))
    dot = np.zeros([1, 9, 9, 1], "uint8")
    dot[0, 3, 4] = 255
    made = 255 - toys.blurred_negative(dot)[0, :, :, 0].astype(int)
    assert np.unravel_index(made.argmax(), made.shape) == (5, 4) and made.max() < 60
    assert abs(made.sum() - 255) < 10  # a blur keeps the sum, but for rounding

    small = data.load("digit_pairs", size=(8, 4), flip=True)
    assert small.cardinality() == 2 * 1797
    rows = rows_of(small)
    for name in BOTH:
        assert rows[name].shape == (3594, 8, 4, 1)
        np.testing.assert_array_equal(rows[name][1::2], rows[name][::2, :, ::-1])


def test_unpaired_digits_are_two_sets_of_their_own():
    sets = data.load("unpaired_digits")
    a, b = (rows_of(sets[name])["image"] for name in "ab")
    assert (len(a), len(b)) == (899, 898)
    back = toys.moved_negative_back(b)
    np.testing.assert_array_equal(toys.moved_negative(back), b)
    whole = rows_of(data.load("digit_pairs"))["source"]
    np.testing.assert_array_equal(np.concatenate([a, back]), whole)

    found = data.batches(sets, columns=data.columns_of(sets), batch_size=300, seed=4)
    assert (found.steps_per_epoch, list(found.fields)) == (2, ["a", "b"])
    seen = {name: np.concatenate([x[name] for x in take(found.dataset, 2)]) for name in "ab"}
    place = {bytes(x): i for i, x in enumerate(whole)}
    order = [
        [place[bytes(x)] for x in rows] for rows in (seen["a"], toys.moved_negative_back(seen["b"]))
    ]
    assert order[0] != [i - 899 for i in order[1]]  # each has a permutation of its own
    assert data.load("unpaired_digits", size=(8, 8))["b"].element_spec["image"].shape == (8, 8, 1)


# ---- folders of pairs


def pairs_in(root, names=BOTH, count=6, shapes=((8, 6, 3), (8, 6, 3)), ending="png"):
    found = {}
    for side, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        files = [root / name / f"{i}.{ending}" for i in range(count)]
        found[BOTH[side]] = np.array(
            [picture(file, shape, seed=10 * i + side) for i, file in enumerate(files)]
        )
    return found


@pytest.mark.parametrize("names", [BOTH, ("A", "B"), ("trainA", "trainB")])
def test_two_folders(tmp_path, names):
    expected = pairs_in(tmp_path, names)
    if "trainA" in names:
        picture(tmp_path / "testA/1.png", (8, 6, 3))
    dataset = data.load(f"pairs:{tmp_path}")
    assert dataset.cardinality() == 6 and same_rows(rows_of(dataset), expected)
    found = data.batches(dataset, columns=data.columns_of(dataset), batch_size=2, seed=3)
    assert same_rows(
        {k: np.concatenate([x[k] for x in take(found.dataset, 3)]) for k in BOTH}, expected
    )
    again = data.batches(
        dataset, columns=data.columns_of(dataset), batch_size=2, seed=3, first_step=2
    )
    np.testing.assert_array_equal(
        take(again.dataset, 1)[0]["target"], take(found.dataset, 3)[2]["target"]
    )


def test_names_without_a_common_one_are_paired_in_their_order(tmp_path):
    expected = pairs_in(tmp_path)
    for i, file in enumerate(sorted((tmp_path / "target").iterdir())):
        file.rename(file.with_name(f"drawn_{i}.png"))
    assert same_rows(rows_of(data.load(f"pairs:{tmp_path}")), expected)


def test_endings_and_colours_may_differ(tmp_path):
    for name in ("a.b", "a", "a-b"):  # whose order depends on their endings
        picture(tmp_path / "source" / f"{name}.png", (8, 6), seed=len(name))
        Image.open(tmp_path / "source" / f"{name}.png").convert("RGB").save(
            (tmp_path / "target").mkdir(exist_ok=True) or tmp_path / "target" / f"{name}.bmp"
        )
    rows = rows_of(data.load(f"pairs:{tmp_path}"))
    assert rows["source"].shape == (3, 8, 6, 1) and rows["target"].shape == (3, 8, 6, 3)
    np.testing.assert_array_equal(rows["target"], rows["source"].repeat(3, axis=-1))


def test_side_by_side(tmp_path):
    whole = np.array([picture(tmp_path / f"{i}.png", (6, 12, 3), seed=i) for i in range(5)])
    expected = {"source": whole[:, :, :6], "target": whole[:, :, 6:]}
    assert same_rows(rows_of(data.load(f"pairs:{tmp_path}")), expected)
    flipped = rows_of(data.load(f"pairs:{tmp_path}", flip=True))
    for name in BOTH:
        np.testing.assert_array_equal(flipped[name][1::2], flipped[name][::2, :, ::-1])
    assert same_rows({k: x[::2] for k, x in flipped.items()}, expected)
    resized = data.load(f"pairs:{tmp_path}", size=(3, 4), fit="squash")
    assert resized.element_spec["target"] == tf.TensorSpec((3, 4, 3), "uint8")
    # Each half is resized by itself: a white half stays white.
    picture(tmp_path / "seam/x.png", (6, 12, 3))
    Image.fromarray(np.repeat([0, 255], 6)[None].repeat(6, 0).astype("uint8")).save(
        tmp_path / "seam/x.png"
    )
    (row,) = data.load(f"pairs:{tmp_path / 'seam'}", size=(3, 3))
    assert (row["source"].numpy() == 0).all() and (row["target"].numpy() == 255).all()


def test_flips_mirror_both_pictures_of_a_pair(tmp_path):
    expected = pairs_in(tmp_path)
    rows = rows_of(data.load(f"pairs:{tmp_path}", flip=True))
    assert same_rows({k: x[::2] for k, x in rows.items()}, expected)
    for name in BOTH:
        np.testing.assert_array_equal(rows[name][1::2], rows[name][::2, :, ::-1])


def test_an_archive_of_pairs(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, source=PICTURES[..., 0], target=255 - PICTURES, more=VECTORS)
    dataset = data.load(f"pairs:{path}")
    assert {k: s.shape for k, s in dataset.element_spec.items()} == {
        "source": (6, 5, 1),
        "target": (6, 5, 3),
    }
    assert data.load(f"pairs:{path}", size=(3, 3)).element_spec["source"].shape == (3, 3, 1)
    for arrays, words in (
        ({"source": PICTURES}, "x.npz has no array 'target' .its arrays: source.: write it with"),
        ({"source": PICTURES, "target": PICTURES[1:]}, "holds 40 sources, but 39 targets"),
        ({"source": PICTURES, "target": VECTORS[:, 0]}, r"target in \S*x.npz has shape \(40,\)"),
        ({"source": PICTURES, "target": VECTORS * 1j}, "dtype complex"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=words):
            data.load(f"pairs:{path}")
    np.savez(path, source=VECTORS, target=VECTORS)
    assert data.load(f"pairs:{path}").element_spec["source"].shape == (2,)
    with pytest.raises(ValueError, match=r"flip=True was given, but .* holds vectors"):
        data.load(f"pairs:{path}", flip=True)


def test_unpaired_folders(tmp_path):
    for name, count in (("trainA", 3), ("trainB", 5), ("testA", 2), ("testB", 2)):
        for i in range(count):
            picture(tmp_path / name / f"{i}.png", (8, 6) if name[-1] == "A" else (4, 4, 3), seed=i)
    sets = data.load(f"unpaired:{tmp_path}")
    assert {name: int(x.cardinality()) for name, x in sets.items()} == {"a": 3, "b": 5}
    assert sets["b"].element_spec["image"].shape == (4, 4, 3)
    found = data.batches(sets, columns=data.columns_of(sets), batch_size=2)
    assert found.fields["a"].shape == (8, 6, 1) and found.steps_per_epoch == 2


def remove(name):
    return lambda root: (root / name).unlink()


def also(name, shape=(8, 6, 3)):
    return lambda root: picture(root / name, shape)


def split(root):
    (root / "source").rename(root / "train")
    (root / "target").rename(root / "val")


BAD_PAIRS = {
    "a missing target": (
        remove("target/3.png"),
        r"source/3\.png has no partner of the same name in \S*target: add",
    ),
    "missing sources": (
        lambda root: remove("source/3.png")(root) or remove("source/4.png")(root),
        r"target/3\.png and 1 more have no partner of the same name in \S*source",
    ),
    "one folder": (
        lambda root: (root / "target").rename(root.parent / "gone"),
        "has 1 sub-folder of pictures .source.: it needs two",
    ),
    "three folders": (also("third/1.png"), "has 3 sub-folders of pictures"),
    "splits": (split, r"holds the splits train, val: name one of them, as in \S*train"),
    "mixed sizes": (also("target/3.png", (9, 6, 3)), r"target/3\.png is 9×6: pass size="),
    "two of one name": (also("source/3.bmp"), r"3\.bmp and \S*3\.png have the same name"),
    "a damaged target": (
        lambda root: (root / "target/3.png").write_bytes(b"x"),
        r"target/3\.png can't be read as a picture",
    ),
    "a file beside": (also("1.png"), "pictures of its own and sub-folders"),
}


@pytest.mark.parametrize("case", BAD_PAIRS)
def test_bad_pairs(tmp_path, case):
    spoil, words = BAD_PAIRS[case]
    pairs_in(tmp_path / "p")
    spoil(tmp_path / "p")
    with pytest.raises(ValueError, match=words) as error:
        data.load(f"pairs:{tmp_path / 'p'}")
    assert "\n" not in str(error.value)


def test_bad_numbers_of_pictures(tmp_path):
    pairs_in(tmp_path)
    for file in (tmp_path / "target").iterdir():
        file.rename(file.with_name("t" + file.name))
    (tmp_path / "target/t1.png").unlink()
    with pytest.raises(ValueError, match=r"holds 6 sources .*, but 5 targets .* equal names"):
        data.load(f"pairs:{tmp_path}")
    picture(tmp_path / "flat/1.png", (6, 11, 3))
    with pytest.raises(ValueError, match=r"1\.png is 6×11 .* twice as wide as it is high"):
        data.load(f"pairs:{tmp_path / 'flat'}")
    with pytest.raises(ValueError, match="but no sub-folders of them: put the two sets"):
        data.load(f"unpaired:{tmp_path / 'flat'}")
    for kind in ("pairs", "unpaired"):
        with pytest.raises(ValueError, match="nowhere is not a folder"):
            data.load(f"{kind}:{tmp_path}/nowhere")


def test_a_picture_of_other_proportions_is_named_later_too(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["ganzoo.data.sources.folder"], "_LOOKED_AT", 1)
    unseen = np.random.default_rng(0).permutation(4)[-1]
    for i in range(4):
        picture(tmp_path / f"{i}.png", (6, 13 if i == unseen else 12, 3))
    dataset = data.load(f"pairs:{tmp_path}", size=(6, 6))
    words = rf"{unseen}\.png can't be read as source and target side by side \(twice as wide"
    with pytest.raises(data.DataError, match=words), data.clear_errors():
        list(dataset)


# ---- held-out rows


def test_held_out_rows_are_in_neither_part_twice(tmp_path):
    expected = pairs_in(tmp_path, count=40)
    for name in (f"pairs:{tmp_path}", "digit_pairs"):
        dataset = data.load(name)
        rest, held = data.held_out(dataset, 8)
        number = min(8, int(dataset.cardinality()) // 20 * 2)
        assert (held.cardinality(), rest.cardinality()) == (number, dataset.cardinality() - number)
        both = [rows_of(held), rows_of(rest)]
        np.testing.assert_array_equal(
            np.concatenate([x["source"] for x in both]), rows_of(dataset)["source"]
        )
    rest, held = data.held_out(data.load(f"pairs:{tmp_path}"), 8)
    found = data.batches(rest, columns=data.columns_of(rest), batch_size=36)
    seen = take(found.dataset, 1)[0]
    both = {k: np.concatenate([seen[k], rows_of(held)[k]]) for k in BOTH}
    assert same_rows(both, expected)
    few = data.load("digit_pairs").take(19)
    assert data.held_out(few, 8)[0] is few
    rest, held = data.held_out(data.load("unpaired_digits"), 8)
    assert (held["b"].cardinality(), rest["a"].cardinality()) == (8, 891)


# ---- IDX


def idx(array, code=0x08, kind="u1"):
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return head + array.astype(kind).tobytes()


GREY = PICTURES[..., 0]
CLASSES = np.arange(40) % 7


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images.idx3-ubyte"])
def test_idx(tmp_path, name, packed):
    write, ending = (gzip.compress, ".gz") if packed else (bytes, "")
    (tmp_path / (name + ending)).write_bytes(write(idx(GREY)))
    assert set(data.load(f"idx:{tmp_path}").element_spec) == {"image"}
    labels = name.replace("images", "labels").replace("idx3", "idx1")
    (tmp_path / (labels + ending)).write_bytes(write(idx(CLASSES)))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx(GREY[:3]))
    for path in (tmp_path, tmp_path / (name + ending)):
        rows = rows_of(data.load(f"idx:{path}"))
        np.testing.assert_array_equal(rows["image"], GREY[..., None])
        np.testing.assert_array_equal(rows["label"], CLASSES)
    assert data.load(f"idx:{tmp_path}", size=(3, 4)).element_spec["image"].shape == (3, 4, 1)
    assert data.load(f"idx:{tmp_path}/t10k-images-idx3-ubyte").cardinality() == 3


def test_idx_of_other_numbers(tmp_path):
    for code, kind in ((0x0D, ">f4"), (0x0B, ">i2"), (0x09, "i1")):
        (tmp_path / "x").write_bytes(idx(GREY // 2, code, kind))
        (row, *_) = data.load(f"idx:{tmp_path / 'x'}")
        assert row["image"].dtype == np.dtype(kind).newbyteorder("=").name
        np.testing.assert_array_equal(row["image"][..., 0], GREY[0] // 2)


BAD_IDX = {
    "nothing": (b"", "is no IDX file: it begins with nothing"),
    "a text": (b"hello", "is no IDX file: it begins with 68656c6c, and one of images with 0000"),
    "another type": (b"\0\0\x07\3" + bytes(20), "is no IDX file: it begins with 00000703"),
    "a part of a head": (idx(GREY)[:9], "is damaged: its head promises"),
    "truncated": (idx(GREY)[:-5], "of 1,200 bytes, but 1,195 follow"),
    "more behind": (idx(GREY) + b"x", "of 1,200 bytes, but more follow"),
    "truncated gzip": (gzip.compress(idx(GREY))[:-200], "can't be read as an IDX file: "),
    "a flipped bit": (gzip.compress(idx(GREY))[:-6] + b"xx" + bytes(4), "can't be read as an IDX"),
    "terabytes promised": (b"\0\0\x08\3" + b"\xff" * 12 + b"x", "but 1 follow"),
    "labels": (idx(CLASSES), r"holds an array \(40,\), but images are .*: name the file of the"),
    "no rows": (idx(GREY[:0]), r"holds an array \(0, 6, 5\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_IDX)
def test_bad_idx(tmp_path, case):
    words, sentence = BAD_IDX[case]
    (tmp_path / "x").write_bytes(words)
    with pytest.raises(ValueError, match=sentence) as error:
        data.load(f"idx:{tmp_path / 'x'}")
    assert "\n" not in str(error.value)


def test_bad_folders_of_idx(tmp_path):
    with pytest.raises(ValueError, match="holds no IDX file such as train-images-idx3-ubyte"):
        data.load(f"idx:{tmp_path}")
    with pytest.raises(ValueError, match="nowhere is neither a file nor a folder"):
        data.load(f"idx:{tmp_path / 'nowhere'}")
    for name in ("a-images-idx3-ubyte", "b-images-idx3-ubyte.gz"):
        (tmp_path / name).write_bytes(idx(GREY))
    with pytest.raises(ValueError, match=r"several files of images \(a-images\S*, b-images\S*\)"):
        data.load(f"idx:{tmp_path}")
    (tmp_path / "a-labels-idx1-ubyte").write_bytes(idx(CLASSES[1:]))
    with pytest.raises(ValueError, match=r"holds labels \(39,\), but \S* holds 40 images"):
        data.load(f"idx:{tmp_path}/a-images-idx3-ubyte")


# ---- pictures for a generator


def test_pictures_for_a_field(tmp_path):
    pixels = [picture(tmp_path / f"{i}.png", (8, 6, 3), seed=i) for i in range(3)]
    bytes_of = data.Field((8, 6, 3), "uint8", offset=127.5, scale=127.5)
    np.testing.assert_array_equal(data.pictures_for(bytes_of, tmp_path), pixels)
    np.testing.assert_array_equal(data.pictures_for(bytes_of, tmp_path / "1.png"), pixels[1:2])
    assert len(data.pictures_for(bytes_of, tmp_path, count=2)) == 2
    floats = data.Field((8, 6, 3), "float32", offset=0.5, scale=0.5)
    np.testing.assert_allclose(
        data.pictures_for(floats, tmp_path), np.array(pixels) / 255, atol=1e-6
    )
    grey = data.pictures_for(data.Field((4, 4, 1), "uint8", offset=127.5, scale=127.5), tmp_path)
    assert grey.shape == (3, 4, 4, 1)
    with pytest.raises(ValueError, match="doesn't exist: name a picture or a folder"):
        data.pictures_for(bytes_of, tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match=r"learned samples of shape \(2,\): pass an array"):
        data.pictures_for(data.Field((2,), "float32"), tmp_path)
