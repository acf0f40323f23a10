"""A page with two sliders for a pretrained generator: `pip install gradio`, then run this file."""

import gradio

import ganzoo

gan = ganzoo.get("cgan", weights="mnist5k")


def draw(digit: float, seed: float) -> list:
    images = gan.sample(12, seed=int(seed), label=[int(digit)] * 12)
    return [image[..., 0] for image in images]


sliders = [
    gradio.Slider(0, 9, 3, step=1, label="digit"),
    gradio.Slider(0, 99, 0, step=1, label="seed"),
]
page = gradio.Interface(draw, sliders, gradio.Gallery(columns=6), live=True)

if __name__ == "__main__":
    page.launch()
