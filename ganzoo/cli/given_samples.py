"""The samples that a generator maps, of the options --source and --data of `ganzoo sample`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ganzoo.core.gan import GAN


def read(
    gan: GAN, source: Path | None, name: str | None, fit: str, count: int
) -> dict[str, np.ndarray]:
    """At most `count` samples for each input that the generator of `gan` is given and never draws,
    in the units of its data: pictures of a file or a folder, or rows of the data set `name`.

    Raises:
        ValueError: the generator is given none, nothing says which, or they can't be read.
    """
    from ganzoo import data

    needed = gan.given_inputs
    if source is not None and name is not None:
        raise ValueError("--source and --data were both given: leave one out.")
    if not needed:
        if source is not None or name is not None:
            option = "--data" if source is None else "--source"
            raise ValueError(
                f"the generator of {gan.registry_name} maps no samples to others: leave {option} "
                "out."
            )
        return {}
    if count < 1:
        raise ValueError(f"--count {count} must be at least 1.")
    if source is None and name is None:
        raise ValueError(
            f"{gan.registry_name} maps samples to samples: name what it maps, as in --source "
            f"picture.png, --source FOLDER or --data {gan.default_data}."
        )
    fields = {key: gan.fields[key] for key in needed}
    if source is not None:
        if len(needed) > 1:
            raise ValueError(
                f"{gan.registry_name} is given {' and '.join(needed)}: name a data set of them in "
                "--data."
            )
        return {needed[0]: data.pictures_for(fields[needed[0]], source, fit=fit, count=count)}
    columns = {key: gan.columns[key] for key in needed if key in gan.columns} or gan.columns
    fields = {key: gan.fields[key] for key in columns}
    sizes = {(f.shape[0], f.shape[1]) for f in fields.values() if f.is_image}
    size = sizes.pop() if len(sizes) == 1 else None
    stream = data.batches(
        data.load(str(name), size=size, fit=fit),
        columns=columns,
        fields=fields,
        batch_size=1,
        shuffle=False,
    )
    with data.clear_errors():
        rows = list(stream.dataset.take(min(count, stream.steps_per_epoch or count)).rebatch(count))
    return gan.given({key: x.numpy() for key, x in rows[0].items()})
