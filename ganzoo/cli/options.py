"""Arguments and options that several commands share, and functions that read their values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ganzoo.cli import completion

GANName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A name that ganzoo list shows.",
        autocompletion=completion.gan_names,
    ),
]
RunOrModel = Annotated[
    Path, typer.Argument(metavar="RUN_OR_MODEL", help="The folder of a run, or a .keras file.")
]
RunOrModelOrName = Annotated[
    Path,
    typer.Argument(
        metavar="RUN_OR_MODEL",
        help="The folder of a run, a .keras file, or with --weights the name of a GAN.",
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Pretrained weights of the GAN, of those that ganzoo weights lists.",
        show_default=False,
    ),
]
Fit = Annotated[
    str | None,
    typer.Option(
        metavar="crop|pad|squash",
        help="How pictures of other proportions get their --size; crop by default.",
        show_default=False,
    ),
]
Flip = Annotated[bool, typer.Option("--flip", help="Train on mirrored pictures too.")]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="HxW",
        help="Height and width to resize images to: 64x48, or 64 for a square.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Hyper-parameters that ganzoo show NAME lists: "
        "width=32, coding=-1,1,0, penalties=r1:10,r2:10.",
    ),
]
ValueRange = Annotated[
    str | None,
    typer.Option(
        metavar="LO,HI",
        help="The values that are black and white, if images are neither bytes nor in [-1, 1].",
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same samples.")]


def value_range(text: str | None) -> tuple[float, float] | None:
    """Reads (low, high) from "0,255". None stays None.

    Raises:
        ValueError: the text is not two numbers.
    """
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise ValueError(
            f"--value-range {text} can't be read: write two numbers, as in --value-range 0,255."
        ) from None
    return low, high


def size(text: str | None) -> tuple[int, int] | None:
    """Reads (height, width) from "64x48" or "64,48", or from "64", which is a square.

    Raises:
        ValueError: the text is none of these.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(-?\d+)(?:[x,](-?\d+))?", text)
    if match is None:
        raise ValueError(
            f"--size {text} can't be read: write numbers, as in --size 64x48, or --size 64 for a "
            "square."
        )
    return int(match[1]), int(match[2] or match[1])


def check_file(option: str, path: Path | None) -> None:
    """Checks that a file can be written at `path`; None passes.

    Raises:
        ValueError: the path is a folder, or lies in a folder that doesn't exist.
    """
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        raise ValueError(f"{option} {path} must name a file in a folder that exists.")
