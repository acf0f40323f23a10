"""Trains on a data set of Hugging Face's `datasets`: `pip install datasets`, then run this file.

Here the data set is made from bundled digits, so that nothing is downloaded. Any data set with a
column of pictures works in the same way, such as one of `datasets.load_dataset`.
"""

import datasets
import numpy as np
from PIL import Image

import ganzoo

rows = list(ganzoo.data.load("digits").as_numpy_iterator())
dataset = datasets.Dataset.from_dict(
    {
        "picture": [Image.fromarray(row["image"][..., 0]) for row in rows],
        "digit": [int(row["label"]) for row in rows],
    },
    features=datasets.Features({"picture": datasets.Image(), "digit": datasets.Value("int64")}),
)

images = np.stack([np.asarray(picture) for picture in dataset["picture"]])[..., None]
gan = ganzoo.get("cgan", width=16)
gan.fit(images, np.array(dataset["digit"]), epochs=1)
samples = gan.sample(10, label=range(10))
