# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The order of Debian versions."""

import unittest

from vm_lib import version

# Each list is in rising order.
_RISING = {
    "numbers are numbers, not text": ["6.9-1", "6.12-1", "6.118-1"],
    "a tilde is before the end, so release candidates and backports are": [
        "7.3~rc7-1", "7.3-1~bpo13+1", "7.3-1", "7.3-1+deb13u1", "7.3.1-1",
    ],
    "an epoch counts first": ["9.0", "1:0.1"],
    "letters are before signs": ["1.0", "1.0a", "1.0+"],
    "a revision counts last": ["5.10.223-1", "5.10.262-1", "5.10.262-2", "5.10.262-10"],
}  # fmt: skip


class CompareTest(unittest.TestCase):
    def test_follows_the_rules_of_deb_version(self) -> None:
        for rule, rising in _RISING.items():
            for older, newer in zip(rising, rising[1:]):
                with self.subTest(rule, older=older, newer=newer):
                    self.assertLess(version.compare(older, newer), 0)
                    self.assertGreater(version.compare(newer, older), 0)

    def test_finds_leading_zeros_and_a_missing_epoch_equal(self) -> None:
        self.assertEqual(version.compare("1.02-1", "0:1.2-1"), 0)

    def test_sorts(self) -> None:
        newest = max(["7.2.12-1", "7.2.9-1", "7.3~rc7-1"], key=version.sort_key)
        self.assertEqual(newest, "7.3~rc7-1")


if __name__ == "__main__":
    unittest.main()
