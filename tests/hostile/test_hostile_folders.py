"""Hostile folders of pictures: each ends soon in one sentence, or works."""

import os
import shutil
import struct
import zlib

import numpy as np
from cases import (
    RNG,
    UNREADABLE,
    WORKS,
    all_of,
    always,
    content,
    each_of,
    ends_soon_in_one_sentence_or_works,
    nothing,
    picture,
    read_the_folder,
)
from PIL import Image

from ganzoo import data


def changed(name, change, **options):
    """A picture whose bytes were changed."""

    def write(place):
        picture(name, (32, 32, 3), **options)(place)
        path = place.path / "p" / name
        path.write_bytes(change(path.read_bytes()))

    return write


def in_folder(make):
    def act(place):
        (place.path / "p").mkdir(exist_ok=True)
        make(place.path / "p")

    return act


def frames(name, **options):
    def write(place):
        (place.path / "p").mkdir()
        first, *others = [Image.fromarray(RNG.integers(0, 256, [8, 8, 3], "uint8")) for _ in "abc"]
        first.save(place.path / "p" / name, save_all=True, append_images=others, **options)

    return write


def huge_png():
    """A few kilobytes that promise 60,000×60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10**6))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(b)) + kind + b + struct.pack(">I", zlib.crc32(kind + b))
        for kind, b in parts
    )


def not_unicode(place):
    picture("a.png")(place)
    os.rename(place.path / "p" / "a.png", os.fsencode(place.path / "p") + b"/\xff\xfe.png")


def no_unicode_class(place):
    picture("a/1.png")(place)
    os.rename(place.path / "p" / "a", os.fsencode(place.path / "p") + b"/\xff")


def lose_the_folder(place):
    dataset = data.load(f"folder:{place.path / 'p'}")
    stream = data.batches(dataset, batch_size=1)
    shutil.rmtree(place.path / "p")
    with data.clear_errors():
        list(stream.dataset.take(4))


FOLDERS = {
    "no folder": (nothing, "p is not a folder"),
    "a file": (lambda place: (place.path / "p").write_text("x"), "p is not a folder"),
    "empty": (in_folder(lambda p: None), "holds no pictures"),
    "no pictures": (content("a.txt", b"a"), "holds no pictures"),
    "hidden pictures": (picture(".hidden/a.png"), "holds no pictures"),
    "text named .png": (content("a.png", b"hello"), UNREADABLE),
    "nothing named .png": (content("a.png", b""), UNREADABLE),
    "a GIF named .png": (picture("a.png", format="GIF"), UNREADABLE),
    "a film named .png": (frames("a.png", format="GIF"), UNREADABLE),
    "WebP named .png": (picture("a.png", format="WEBP"), UNREADABLE),
    "a PNG that moves": (frames("a.png"), WORKS),
    "a PNG named .jpg": (picture("a.jpg", format="PNG"), WORKS),
    "a JPEG named .png": (picture("a.png", format="JPEG"), WORKS),
    "a truncated JPEG": (changed("a.jpg", lambda b: b[: len(b) // 2]), UNREADABLE),
    "a JPEG that lacks its end": (
        changed("a.jpg", lambda b: b[:-2] + b"junk" * 100),
        UNREADABLE,
    ),
    "a truncated PNG": (changed("a.png", lambda b: b[: len(b) // 2]), UNREADABLE),
    "a PNG with a flipped bit": (
        changed("a.png", lambda b: b[:50] + bytes([b[50] ^ 1]) + b[51:]),
        UNREADABLE,
    ),
    "a PNG with more behind": (changed("a.png", lambda b: b + b"junk"), WORKS),
    "a bomb": (content("a.png", huge_png()), UNREADABLE),
    "one pixel": (picture("a.png", (1, 1, 3)), WORKS),
    "mixed sizes": (
        all_of(picture("a.png"), picture("b.png", (9, 7, 3))),
        r"a.png is 8×8, but \S*b.png is 9×7: pass size=",
    ),
    "mixed colours": (all_of(picture("a.png", (8, 8)), picture("b.png")), WORKS),
    "CMYK": (picture("a.jpg", mode="CMYK"), WORKS),
    "a palette with transparency": (picture("a.png", mode="P", transparency=3), WORKS),
    "16 bits": (
        in_folder(lambda p: Image.fromarray(np.zeros([8, 8], "uint16")).save(p / "a.png")),
        WORKS,
    ),
    "unicode and spaces": (picture("zwei Wörter ☃/猫 1.png"), WORKS),
    "a name that is no Unicode": (not_unicode, WORKS),
    "a class that is no Unicode": (no_unicode_class, WORKS),
    "a loop of folders": (
        all_of(picture("c/a.png"), in_folder(lambda p: (p / "c" / "up").symlink_to(p))),
        WORKS,
    ),
    "a link to itself": (in_folder(lambda p: (p / "a.png").symlink_to(p / "a.png")), UNREADABLE),
    "a link to nothing": (in_folder(lambda p: (p / "a.png").symlink_to(p / "b.png")), UNREADABLE),
    "a link to an endless device": (
        in_folder(lambda p: (p / "a.png").symlink_to("/dev/zero")),
        UNREADABLE,
    ),
    "a pipe": (in_folder(lambda p: os.mkfifo(p / "a.png")), UNREADABLE),
    "a folder named .png beside pictures": (
        all_of(picture("a.png"), in_folder(lambda p: (p / "b.png").mkdir())),
        WORKS,
    ),
    "classes named .png": (all_of(picture("cat.png/a.png"), picture("dog/a.png")), WORKS),
    "nested": (picture("a/b/c/d.png"), WORKS),
    "a class without pictures": (
        all_of(picture("a/1.png"), in_folder(lambda p: (p / "b").mkdir())),
        WORKS,
    ),
    "pictures beside classes": (
        all_of(picture("a.png"), picture("b/a.png")),
        r"pictures of its own and sub-folders of pictures \(b\): move them",
    ),
    "what a Mac leaves": (all_of(picture("a/1.png"), content("a/._1.png", b"x")), WORKS),
}


@each_of(always(read_the_folder, FOLDERS))
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    ends_soon_in_one_sentence_or_works(place, prepare, act, words)


def test_pictures_that_are_removed_meanwhile(place):
    """The folder that is lost is the case's own, so it can't stay as it was."""
    prepare = all_of(*(picture(f"{n}.png") for n in range(4)))
    ends_soon_in_one_sentence_or_works(place, prepare, lose_the_folder, UNREADABLE, stays=False)
