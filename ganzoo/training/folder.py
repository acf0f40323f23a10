"""The folder of a run: what it holds, and how one is made and opened.

    run = Run.at("runs/lsgan-mnist5k-001")
    images = run.load().sample(16, seed=0)

A run's folder:

    config.json             the GAN, its hyper-parameters, its data, and the versions of the stack
    history.csv             a row of losses per epoch; losses.png draws it
    signals.csv             a row of signals every 100 steps, which `ganzoo diagnose` judges
    samples/epoch_0005.png  samples of the same latents, as training proceeded
    best.csv                a row per measurement of the samples, with the best so far; best.png
                            draws it
    best.keras              the GAN at the best measurement
    samples.png             samples of the best GAN; where it maps given samples, as pix2pix
                            does, sources, outputs and targets of held-out rows in both
    checkpoints/            the last three states, from which `runs.resume` continues, unless they
                            are at the address that config.json names
    model.keras             the GAN after the last step
    export/FORMAT/1/        the best generator as SavedModel and as ONNX
"""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ganzoo
from ganzoo.foundation import schedules
from ganzoo.training.checkpoints import Checkpoints
from ganzoo.training.curve import Curve

if TYPE_CHECKING:
    from ganzoo.core.gan import GAN


def _is_pair_of(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: (
        value is None
        or (isinstance(value, list) and len(value) == 2 and all(type(n) in kinds for n in value))
    )


NEEDED: dict[str, tuple[Callable[[Any], bool], str]] = {  # by `runs.resume`: check, complaint
    "gan": (lambda value: isinstance(value, str), "a name"),
    "data": (lambda value: isinstance(value, str), "a name"),
    "steps": (lambda value: type(value) is int and value >= 1, "an int of at least 1"),
    "hyperparameters": (lambda value: isinstance(value, dict), "an object"),
    "batch_size": (
        lambda n: n is None or (type(n) is int and n >= 1),
        "an int of at least 1",
    ),
    "size": (_is_pair_of(int), "a pair of ints"),
    "value_range": (_is_pair_of(int, float), "a pair of numbers"),
}
OPTIONAL: dict[str, tuple[Callable[[Any], bool], str]] = {  # likewise, where they are there
    "metric": (lambda value: isinstance(value, str), "a name"),
    "patience": NEEDED["batch_size"],
    "checkpoints": (lambda value: isinstance(value, str), "an address"),
}


class Run:
    """The folder of one training. `Run.create` and `Run.new` make one, `Run.at` opens one.

    Attributes:
        path: the folder.
        is_new: whether this process made the run.
        elsewhere: an address at which its checkpoints are, if they aren't in the folder.
    """

    def __init__(self, path: Path, elsewhere: str | None = None):
        self.path = path
        self.is_new = False
        self.elsewhere = elsewhere
        self._made: list[Path] = []

    @classmethod
    def create(cls, root: str | os.PathLike, name: str, config: Mapping[str, Any]) -> Run:
        """Makes the run `root/name-001`, or takes the next number that is free.

        Raises:
            OSError: the folder can't be made. Nothing of it remains.
        """
        root = Path(root)
        slug = re.sub(r"[^\w.]+", "-", name).strip("-.")
        taken = [re.fullmatch(rf"{re.escape(slug)}-(\d+)", path.name) for path in _entries(root)]
        number = max((int(match[1]) for match in taken if match), default=0) + 1
        while True:
            try:
                return cls.new(root / f"{slug}-{number:03}", config, exist_ok=False)
            except FileExistsError:  # another process took this number
                number += 1

    @classmethod
    def new(
        cls, path: str | os.PathLike, config: Mapping[str, Any], *, exist_ok: bool = True
    ) -> Run:
        """Makes a run in this folder, which must be new or, if `exist_ok`, empty.

        Raises:
            ValueError: the folder is not empty.
            OSError: the folder can't be made. Nothing of it remains.
        """
        run = cls(Path(path))
        run.is_new = True
        if exist_ok:
            check_free(run.path)
        run._made = [p for p in (run.path, *run.path.parents) if not p.exists()]
        try:
            run.path.mkdir(parents=True, exist_ok=exist_ok)
        except BaseException as error:
            if not isinstance(error, FileExistsError):
                run._remove_made()
            raise
        try:
            with run._file("config.json").open("x") as file:  # only one process can
                json.dump(config, file, indent=2, default=schedules.written)
                file.write("\n")
        except FileExistsError:
            raise ValueError(f"another run was begun in {path}: name another folder.") from None
        except BaseException:
            run.discard()
            raise
        return run

    @classmethod
    def at(cls, path: str | os.PathLike) -> Run:
        """Opens the run in an existing folder.

        Raises:
            ValueError: the folder doesn't exist, or isn't a run.
        """
        run = cls(Path(path))
        if not run.path.exists():
            raise ValueError(f"there is no run at {path}.")
        if not run._file("config.json").is_file():
            raise ValueError(f"{path} is no run of ganzoo: it has no config.json.")
        return run

    @property
    def config(self) -> dict[str, Any]:
        """The content of config.json: the GAN, its hyper-parameters and its data.

        Raises:
            ValueError: the file can't be read, or ganzoo didn't write it.
        """
        try:
            config = json.loads(self._file("config.json").read_text())
        except (ValueError, RecursionError) as error:
            raise self.unreadable("it is no JSON") from error
        if not isinstance(config, dict):
            raise self.unreadable("it is no JSON object")
        for key, (fits, words) in (NEEDED | OPTIONAL).items():
            if key in config and not fits(config[key]):
                raise self.unreadable(
                    f"{key}={' '.join(repr(config[key]).split())[:80]}, which is not {words}"
                )
        return config

    def unreadable(self, why: str) -> ValueError:
        """The error for a config.json that can't be used."""
        return ValueError(
            f"{self._file('config.json')} can't be read ({why}): it isn't as ganzoo wrote it."
        )

    @property
    def history(self) -> list[dict[str, float]]:
        """A row per epoch: `epoch`, `seconds` and the losses by name; empty before the first.

        Raises:
            ValueError: history.csv can't be read.
        """
        path = self._file("history.csv")
        if not path.exists():
            return []
        try:
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                int(row["epoch"])
            return [{key: float(v) for key, v in row.items()} for row in rows]
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise ValueError(
                f"{path} can't be read: it isn't as ganzoo wrote it; move it away to go on."
            ) from error

    @property
    def curve(self) -> Curve | None:
        """The measurements of the samples during training; None if there are none.

        Raises:
            ValueError: best.csv can't be read.
        """
        path = self._file("best.csv")
        return Curve.read(path) if path.exists() else None

    @property
    def stopped_early(self) -> bool:
        """Whether training ended because the samples no longer improved."""
        patience, curve = self.config.get("patience"), self.curve
        return bool(patience and curve and curve.since_best >= patience)

    @property
    def model(self) -> Path:
        """The file of the best GAN, if a later one was measured; or else of the GAN after the last
        step, of the newest checkpoint, or of the best GAN, whichever exists.

        Raises:
            ValueError: no GAN was saved yet, or best.csv can't be read.
        """
        curve, best = self.curve, self._file("best.keras")
        files = [self._file("model.keras"), self.checkpoints.newest]
        passed = curve is not None and curve.best is not None and curve.best != curve.last
        files.insert(0 if passed else 2, best)
        for path in files:
            if path is not None and path.exists():
                return path
        raise ValueError(f"{self.path} holds no saved GAN: training stopped before it was saved.")

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints of this training: in its folder, unless config.json names an address."""
        if self.elsewhere is None and self._file("config.json").exists():
            with contextlib.suppress(ValueError):  # a damaged one leaves the folder
                self.elsewhere = self.config.get("checkpoints")
        return Checkpoints(self.elsewhere or self._file("checkpoints"))

    def load(self) -> GAN:
        """Loads the best GAN, see `model`. `ganzoo.load(run.path / "model.keras")` loads that of
        the last step."""
        return ganzoo.load(self.model)

    def export(self, gan: GAN, format: str) -> Path:
        """Exports `gan` to `export/FORMAT` in the run's folder and returns the version's folder.

        See `gan.export` for the formats and errors.
        """
        return gan.export(self.path / "export" / format, format=format)

    def discard(self) -> None:
        """Removes all files of this run, and the folders that were made for it."""
        for entry in _entries(self.path):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._remove_made()

    def _remove_made(self) -> None:
        with contextlib.suppress(OSError):  # the parent may hold another run by now
            for folder in self._made:
                folder.rmdir()

    def _file(self, name: str) -> Path:
        return self.path / name


def check_free(path: str | os.PathLike) -> None:
    """Checks that `path` can become the folder of a run.

    Raises:
        ValueError: it is a file, or a folder that is not empty.
        NotADirectoryError: it would lie in a file.
    """
    path = Path(path)
    above = next(parent for parent in path.absolute().parents if parent.exists())
    if not above.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if path.is_dir() and any(path.iterdir()):
        raise ValueError(f"{path} is not empty: name a new folder for the run.")
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file: name a new folder for the run.")


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
