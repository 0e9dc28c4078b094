# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Finds out which Debian mirror this machine's apt uses, so that we ask no other one."""

import dataclasses
import pathlib
import re
from collections.abc import Iterable

_RELEASE = r"(?:bullseye|bookworm|trixie|forky|sid|oldstable|stable|testing|unstable)"
_MAIN_SUITE = re.compile(_RELEASE + r"(?:-updates|-backports)?")
_SECURITY_SUITE = re.compile(_RELEASE + r"-security")


@dataclasses.dataclass(frozen=True)
class Source:
    """One enabled source of binary packages."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Mirror:
    """Where the two halves of the Debian archive are."""

    main: str
    security: str

    def uri_of(self, suite: str) -> str:
        return self.security if suite.endswith("-security") else self.main


def parse_deb822(text: str) -> list[Source]:
    """Reads a *.sources file: stanzas of fields, a field may go on in indented lines."""
    sources = []
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for stanza in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, list[str]] = {}
        name = ""
        for line in stanza.splitlines():
            if not line[:1].isspace():
                name, _, line = line.partition(":")
            fields.setdefault(name.strip().lower(), []).extend(line.split())
        enabled = fields.get("enabled", ["yes"])[:1] not in (["no"], ["false"], ["0"])
        if not enabled or "deb" not in fields.get("types", []):
            continue
        sources += [
            Source(uri, tuple(fields.get("suites", [])), tuple(fields.get("components", [])))
            for uri in fields.get("uris", [])
        ]
    return sources


def parse_one_line(text: str) -> list[Source]:
    """Reads a classic *.list file: `deb [options] URI SUITE COMPONENT...`."""
    sources = []
    for line in text.splitlines():
        words = re.sub(r"\[[^]]*\]", " ", line.partition("#")[0]).split()
        if len(words) >= 3 and words[0] == "deb":
            sources.append(Source(words[1], (words[2],), tuple(words[3:])))
    return sources


def choose_mirror(sources: Iterable[Source]) -> Mirror | None:
    """The Debian archive among the sources, or None.

    Third parties name their suites like Debian's; what ends in 'debian' is more likely the archive.
    Old releases keep their security updates under another name, so a machine without a security
    source still finds them beside the main archive, where every full mirror has them.
    """

    def first(suite: re.Pattern[str], ending: str) -> str | None:
        uris = [
            source.uri.rstrip("/")
            for source in sources
            if "main" in source.components and any(suite.fullmatch(s) for s in source.suites)
        ]
        return next((u for u in uris if u.endswith(ending)), uris[0] if uris else None)

    sources = list(sources)
    main = first(_MAIN_SUITE, "debian")
    if main is None:
        return None
    return Mirror(main, first(_SECURITY_SUITE, "debian-security") or main + "-security")


def system_mirror(etc_apt: pathlib.Path = pathlib.Path("/etc/apt")) -> Mirror | None:
    """Reads apt's own files in both formats."""
    sources: list[Source] = []
    parts = etc_apt / "sources.list.d"
    for path in sorted(parts.glob("*.sources")):
        sources += parse_deb822(path.read_text())
    for path in [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]:
        if path.exists():
            sources += parse_one_line(path.read_text())
    return choose_mirror(sources)
