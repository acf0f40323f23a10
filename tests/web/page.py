"""What the tests of the page ask of it."""

import http.server

KINDS = {"dcgan": ((12, 16, 3), None), "cgan": ((8, 8, 1), 10), "infogan": ((8, 8, 1), None)}


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class PlainTextScripts(Files):
    extensions_map = Files.extensions_map | {".mjs": "text/plain"}


def picture(page, canvas="#picture"):
    """The pixels of a canvas as a data URL, once nothing is left to draw."""
    page.evaluate("ganzoo.idle()")
    return page.eval_on_selector(canvas, "canvas => canvas.toDataURL()")


def pixels(page):
    page.evaluate("ganzoo.idle()")
    return page.eval_on_selector(
        "#picture",
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)",
    )


def flat(latents):
    return {name: tensor.numpy().ravel().tolist() for name, tensor in latents.items()}


GENERATE = "latents => ganzoo.generate(latents).then(images => Array.from(images))"
