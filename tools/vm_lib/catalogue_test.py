# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Choosing the package for a kernel's name."""

import unittest

from vm_lib import architecture, catalogue
from vm_lib.catalogue import Package, Series

_SERIES = Series("test", ("suite",), r"[\d.]+\+deb13-cloud-amd64")


def _releases(*packages: Package) -> list[str]:
    return [candidate.release for candidate in catalogue.candidates(_SERIES, packages)]


class ParseIndexTest(unittest.TestCase):
    def test_takes_only_kernel_packages(self) -> None:
        index = (
            "Package: linux-image-6.1.0-56-cloud-amd64\nSource: linux\nVersion: 6.1.192-2\n\n"
            "Package: linux-doc\nVersion: 1\n\n"
            "Package: bash\nVersion: 5.2\n"
        )
        self.assertEqual(
            catalogue.parse_index(index), [Package("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2")]
        )


class CandidatesTest(unittest.TestCase):
    def test_newest_first_by_version(self) -> None:
        releases = _releases(
            Package("linux-image-6.18.9+deb13-cloud-amd64", "6.18.9-1"),
            Package("linux-image-6.18.15+deb13-cloud-amd64", "6.18.15-1"),
            Package("linux-image-6.18.5+deb13-cloud-amd64", "6.18.5-1"),
        )
        self.assertEqual([r.split("+")[0] for r in releases], ["6.18.15", "6.18.9", "6.18.5"])

    def test_other_flavours_do_not_match(self) -> None:
        self.assertEqual(_releases(Package("linux-image-6.18.9+deb13-amd64", "6.18.9-1")), [])

    def test_a_split_kernel_brings_all_its_parts_but_not_the_empty_image(self) -> None:
        release = "7.2.12+deb13-cloud-amd64"
        index = [
            Package(f"linux-{kind}-{release}", "7.2.12-1")
            for kind in ("image", "binary", "modules", "base")
        ]
        self.assertEqual(
            catalogue.candidates(_SERIES, index)[0].packages,
            (f"linux-binary-{release}", f"linux-modules-{release}", f"linux-base-{release}"),
        )

    def test_a_split_kernel_whose_modules_are_gone_is_none(self) -> None:
        self.assertEqual(
            _releases(
                Package("linux-image-7.0.13+deb13-cloud-amd64", "7.0.13-1"),
                Package("linux-binary-7.0.13+deb13-cloud-amd64", "7.0.13-1"),
            ),
            [],
        )


class SeriesTest(unittest.TestCase):
    def test_a_name_means_the_releases_of_its_own_series(self) -> None:
        names_of = {
            "5.10.0-46-cloud-amd64": ["5.10"],
            "6.1.0-56-cloud-amd64": ["6.1"],
            "6.12.117+deb13-cloud-amd64": ["6.12", "newest"],
            "6.18.15+deb13-cloud-amd64": ["6.18", "newest"],
            "6.12.117+deb13-rt-amd64": ["6.12-rt"],
            "7.2.13+deb14-cloud-amd64": ["7.2", "newest"],
            "7.3.4+deb13.1-cloud-amd64": ["newest"],
            "5.10.0-32-cloud-arm64": ["arm64-5.10"],
            "7.3.4+deb13-cloud-arm64": ["arm64-newest"],
            "7.3.4+deb13-cloud-arm64-16k": [],
            "7.3.4+deb13-rt-amd64": [],
            "6.1.0-56-cloud-amd64-unsigned": [],
        }
        for release, names in names_of.items():
            with self.subTest(release):
                index = [Package("linux-image-" + release, "1")]
                all_series = catalogue.SERIES.values()
                matching = [s.name for s in all_series if catalogue.candidates(s, index)]
                self.assertEqual(matching, names)

    def test_a_release_tells_the_architecture_of_its_series(self) -> None:
        for release in ("6.1.0-56-cloud-amd64", "6.1.0-56-cloud-arm64"):
            index = [Package("linux-image-" + release, "1")]
            all_series = catalogue.SERIES.values()
            (series,) = (s for s in all_series if catalogue.candidates(s, index))
            self.assertIs(architecture.of_release(release), series.architecture)
        self.assertIs(architecture.of_release("6.18.5+deb13-cloud-arm64-16k"), architecture.ARM64)


if __name__ == "__main__":
    unittest.main()
