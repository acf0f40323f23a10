"""Names the failures of a GAN's training: which, since when, on what evidence, and what mends it.

    gan.fit(data, epochs=20, callbacks=[ganzoo.callbacks.Diagnose()])
    print(gan.diagnose())

`signals` says what is measured while a GAN trains, `rules` which numbers mean which failure, and
`diagnosis` what is said about them.
"""

from ganzoo.diagnosis.diagnosis import VERDICTS, Diagnosis, Finding, diagnose, of_gan, of_run
from ganzoo.diagnosis.recorder import Recorder

__all__ = ["VERDICTS", "Diagnosis", "Finding", "Recorder", "diagnose", "of_gan", "of_run"]
