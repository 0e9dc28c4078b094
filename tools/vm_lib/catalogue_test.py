# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Choosing the package for a kernel's name."""

import unittest

from vm_lib import catalogue
from vm_lib.catalogue import Package, Series

_SERIES = Series("test", ("suite",), r"linux-image-[\d.]+\+deb13-cloud-amd64")


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
    def test_names_match_debian_packages_of_their_series_only(self) -> None:
        package_of = {
            "5.10": "linux-image-5.10.0-46-cloud-amd64",
            "6.1": "linux-image-6.1.0-56-cloud-amd64",
            "6.12": "linux-image-6.12.117+deb13-cloud-amd64",
            "6.18": "linux-image-6.18.15+deb13-cloud-amd64",
            "newest": "linux-image-7.3.4+deb13.1-cloud-amd64",
        }
        for name, series in catalogue.SERIES.items():
            with self.subTest(name):
                self.assertRegex(package_of[name], f"^{series.pattern}$")
                self.assertNotRegex(package_of[name].replace("cloud-", "rt-"), f"^{series.pattern}$")
        self.assertNotRegex(package_of["6.1"], f"^{catalogue.SERIES['6.12'].pattern}$")
        self.assertNotRegex(package_of["6.12"], f"^{catalogue.SERIES['6.1'].pattern}$")


if __name__ == "__main__":
    unittest.main()
