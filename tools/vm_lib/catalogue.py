# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The kernels one can ask for by name, and how the best package for a name is chosen."""

import dataclasses
import re
from collections.abc import Iterable

from vm_lib import version
from vm_lib.architecture import AMD64, ARM64, Architecture


@dataclasses.dataclass(frozen=True)
class Series:
    """A name for `tools/vm` and where its packages are.

    Releases change with every security update, so there is a pattern. Suites are tried in order
    and only as far as needed: an index of a main suite is 10 MB, the others are small.
    """

    name: str
    suites: tuple[str, ...]
    pattern: str
    of_all_suites: bool = False  # the newest that any of them has, instead of the first's
    architecture: Architecture = AMD64


# Debian's "cloud" kernels: a third of the size of the generic ones, and all that we need.
_CLOUD = r"-cloud-amd64"
_RT = r"-rt-amd64"
_CLOUD_ARM64 = r"-cloud-arm64"
_REVISION = r"\+deb\d+[\d.]*"  # of kernels since 6.10
# Stable's backports may be ahead of testing and unstable: they get what was in experimental.
_NEWEST = ("sid", "forky", "trixie-backports")


def _backport(name: str) -> Series:
    """A series that was stable's newest for a while. Its modules may be gone before the rest is."""
    return Series(name, ("trixie-backports",), re.escape(name) + r"\.\d+" + _REVISION + _CLOUD)


def _arm64(name: str, suites: tuple[str, ...], pattern: str, of_all_suites: bool = False) -> Series:
    return Series(name, suites, pattern + _CLOUD_ARM64, of_all_suites, ARM64)


SERIES = {
    series.name: series
    for series in (
        Series("5.10", ("bullseye-security", "bullseye"), r"5\.10\.0-\d+" + _CLOUD),
        Series("6.1", ("bookworm-security", "bookworm"), r"6\.1\.0-\d+" + _CLOUD),
        Series("6.12", ("trixie-security", "trixie"), r"6\.12\.\d+" + _REVISION + _CLOUD),
        Series("6.12-rt", ("trixie-security", "trixie"), r"6\.12\.\d+" + _REVISION + _RT),
        *(_backport(name) for name in ("6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2")),
        Series("newest", _NEWEST, r"[\d.]+" + _REVISION + _CLOUD, of_all_suites=True),
        _arm64("arm64-5.10", ("bullseye-security", "bullseye"), r"5\.10\.0-\d+"),
        _arm64("arm64-6.1", ("bookworm-security", "bookworm"), r"6\.1\.0-\d+"),
        _arm64("arm64-newest", _NEWEST, r"[\d.]+" + _REVISION, of_all_suites=True),
    )
}


@dataclasses.dataclass(frozen=True)
class Package:
    """A package as an index lists it."""

    name: str
    version: str

    @property
    def release(self) -> str:
        """What `uname -r` says."""
        return re.sub(r"^linux-(?:image|binary|modules|base)-", "", self.name)


@dataclasses.dataclass(frozen=True)
class Candidate:
    """One kernel that may be fetched: all packages of it, of one version."""

    release: str
    version: str
    packages: tuple[str, ...]


def parse_index(text: str) -> list[Package]:
    """The kernel packages in an apt Packages file."""
    found = []
    for stanza in re.finditer(
        r"^Package: (linux-(?:image|binary|modules|base)-\S+)\n(?:.+\n?)*", text, re.MULTILINE
    ):
        package_version = re.search(r"^Version: (\S+)", stanza[0], re.MULTILINE)
        if package_version:
            found.append(Package(stanza[1], package_version[1]))
    return found


def candidates(series: Series, index: Iterable[Package]) -> list[Candidate]:
    """Every kernel of the series that is complete in the index, newest first.

    Since 6.19 Debian splits a kernel: linux-image is empty and depends on linux-binary,
    linux-modules and linux-base. An index still lists the first two when the modules are already
    gone; such a kernel is of no use to us.
    """
    index = set(index)
    result = []
    for image in index:
        if not re.fullmatch("linux-image-" + series.pattern, image.name):
            continue
        parts = {
            kind: Package(f"linux-{kind}-{image.release}", image.version)
            for kind in ("binary", "modules", "base")
        }
        if parts["binary"] not in index:
            names = [image.name]
        elif parts["modules"] in index:
            names = [part.name for part in parts.values() if part in index]
        else:
            continue
        result.append(Candidate(image.release, image.version, tuple(names)))
    return sorted(result, key=lambda c: version.sort_key(c.version), reverse=True)
