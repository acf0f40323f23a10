"""Fetches one pinned package with npm or with Debian's apt-get, and checks its hash."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

TIMEOUT = 600  # seconds for one download


class NotFetched(Exception):
    """A package can't be fetched. The message is the reason: a clause without a full stop."""


def npm(package: str, version: str, integrity: str) -> bytes:
    """Returns the archive (.tgz) of a package of the npm registry.

    Nothing of the package is run or installed.

    Args:
        package: its name, such as "onnxruntime-web" or "@scope/name".
        version: an exact version.
        integrity: what npm publishes for this version as `dist.integrity`: "sha512-" and the
            SHA-512 of the archive in base 64.

    Raises:
        NotFetched: npm is not installed, it fails or takes too long, or the hash differs.
    """
    # With retries it would take a minute until an unreachable network is reported.
    options = ["--ignore-scripts", "--fetch-retries=0"]
    content = _fetched("npm", ["pack", f"{package}@{version}", *options], "*.tgz")
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if f"sha512-{digest}" != integrity:
        raise NotFetched(_other("npm", "SHA-512"))
    return content


def debian(package: str, version: str, sha256: str, names: Sequence[str]) -> dict[str, bytes]:
    """Returns files of a package of the Debian distribution, by name.

    The package is downloaded and unpacked, not installed, which needs no privileges.

    Args:
        package: its name.
        version: an exact version.
        sha256: the SHA-256 of the package (.deb), hexadecimal.
        names: paths in the package, such as "usr/share/doc/hello/copyright".

    Raises:
        NotFetched: apt-get or dpkg-deb is not installed, one of them fails or takes too long, or
            the hash differs.
    """
    content = _fetched("apt-get", ["download", f"{package}={version}"], "*.deb")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise NotFetched(_other("apt-get", "SHA-256"))
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "package.deb")
        archive.write_bytes(content)
        _run("dpkg-deb", ["-x", str(archive), folder], folder)
        return {name: Path(folder, name).read_bytes() for name in names}


def _fetched(program: str, arguments: list[str], pattern: str) -> bytes:
    """The one file of that pattern that a program downloads into its working folder."""
    with tempfile.TemporaryDirectory() as folder:
        _run(program, arguments, folder)
        archives = list(Path(folder).glob(pattern))
        if len(archives) != 1:
            raise NotFetched(f"{program} downloaded {len(archives)} files in place of one")
        return archives[0].read_bytes()


def _run(program: str, arguments: list[str], folder: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise NotFetched(f"{program}, which would fetch it, is not installed")
    try:
        finished = subprocess.run(
            [found, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise NotFetched(f"{program} took over {TIMEOUT} s") from None
    except OSError as error:
        raise NotFetched(f"{program} can't be run ({error.strerror})") from None
    if finished.returncode:
        raise NotFetched(f"{program} failed{_reason(finished.stderr)}")


def _other(program: str, kind: str) -> str:
    return (
        f"what {program} downloaded does not have the {kind} that was published for it, so it was "
        "discarded"
    )


def _reason(stderr: str) -> str:
    """The error in brackets: npm's code, such as ENOTFOUND without a network, or apt's words."""
    for start in ("npm error code ", "E: "):
        for line in stderr.splitlines():
            if line.startswith(start):
                return f" ({line.removeprefix(start).strip().rstrip('.')})"
    return ""
