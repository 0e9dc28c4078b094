# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What a fresh machine is told to install."""

import unittest

from vm_lib import host_tools


class MissingPackagesTest(unittest.TestCase):
    def test_a_complete_machine_needs_none(self) -> None:
        self.assertEqual(host_tools.missing_packages(lambda path: True), [])

    def test_all_missing_ones_are_named_at_once(self) -> None:
        missing = host_tools.missing_packages(lambda path: False)
        self.assertLessEqual(
            {"qemu-system-x86", "busybox-static", "dash", "debian-archive-keyring"}, set(missing)
        )


if __name__ == "__main__":
    unittest.main()
