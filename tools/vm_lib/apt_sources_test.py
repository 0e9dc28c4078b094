# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Reading the system's apt sources in both formats."""

import pathlib
import tempfile
import unittest

from vm_lib import apt_sources
from vm_lib.apt_sources import Mirror, Source

_DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
# a comment inside a stanza
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""

_ONE_LINE = """\
# deb http://off.example/debian bookworm main
deb [arch=amd64 signed-by=/a/key] https://vendor.example/apt bookworm main
deb http://mirror.example/debian/ bookworm main contrib # a comment
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian-security bookworm-security main
"""

_MIRROR = Mirror("http://mirror.example/debian", "http://mirror.example/debian-security")


class ParseTest(unittest.TestCase):
    def test_deb822_joins_continued_fields_and_leaves_out_what_is_off_or_source_only(self) -> None:
        self.assertEqual(
            apt_sources.parse_deb822(_DEB822),
            [
                Source("http://mirror.example/debian", ("bookworm", "bookworm-updates"), ("main",)),
                Source("http://mirror.example/debian-security", ("bookworm-security",), ("main",)),
            ],
        )

    def test_one_line_format_skips_options_comments_and_source_lines(self) -> None:
        self.assertEqual(
            apt_sources.parse_one_line(_ONE_LINE),
            [
                Source("https://vendor.example/apt", ("bookworm",), ("main",)),
                Source("http://mirror.example/debian/", ("bookworm",), ("main", "contrib")),
                Source("http://mirror.example/debian-security", ("bookworm-security",), ("main",)),
            ],
        )


class ChooseMirrorTest(unittest.TestCase):
    def test_prefers_the_debian_archive_to_a_vendor_with_the_same_suite(self) -> None:
        self.assertEqual(apt_sources.choose_mirror(apt_sources.parse_one_line(_ONE_LINE)), _MIRROR)

    def test_expects_security_updates_beside_the_archive_when_no_source_names_them(self) -> None:
        only_main = [Source("http://mirror.example/debian", ("trixie",), ("main",))]
        self.assertEqual(apt_sources.choose_mirror(only_main), _MIRROR)

    def test_finds_none_where_there_is_no_debian(self) -> None:
        other = [Source("http://mirror.example/ubuntu", ("noble",), ("main",))]
        self.assertIsNone(apt_sources.choose_mirror(other))

    def test_sends_each_suite_to_its_half_of_the_archive(self) -> None:
        self.assertEqual(_MIRROR.uri_of("trixie-security"), _MIRROR.security)
        self.assertEqual(_MIRROR.uri_of("trixie-backports"), _MIRROR.main)


class SystemMirrorTest(unittest.TestCase):
    def test_reads_either_format_wherever_it_lies(self) -> None:
        places = {
            "sources.list": _ONE_LINE,
            "sources.list.d/debian.list": _ONE_LINE,
            "sources.list.d/debian.sources": _DEB822,
        }
        for place, text in places.items():
            with self.subTest(place), tempfile.TemporaryDirectory() as folder:
                file = pathlib.Path(folder, place)
                file.parent.mkdir(exist_ok=True)
                file.write_text(text)
                self.assertEqual(apt_sources.system_mirror(pathlib.Path(folder)), _MIRROR)


if __name__ == "__main__":
    unittest.main()
