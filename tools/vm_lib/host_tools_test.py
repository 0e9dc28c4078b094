# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What a fresh machine is told to install."""

import unittest

from vm_lib import host_tools
from vm_lib.architecture import AMD64, ARM64


class MissingPackagesTest(unittest.TestCase):
    def test_a_complete_machine_needs_none(self) -> None:
        for guest in (AMD64, ARM64):
            self.assertEqual(host_tools.missing_packages(guest, lambda path: True), [])

    def test_all_missing_ones_are_named_at_once(self) -> None:
        missing = host_tools.missing_packages(AMD64, lambda path: False)
        self.assertLessEqual(
            {"qemu-system-x86", "busybox-static", "dash", "debian-archive-keyring"}, set(missing)
        )

    def test_an_emulator_is_asked_for_only_where_its_guest_runs(self) -> None:
        self.assertNotIn("qemu-system-arm", host_tools.missing_packages(AMD64, lambda path: False))
        missing = host_tools.missing_packages(ARM64, lambda path: False)
        self.assertIn("qemu-system-arm", missing)
        self.assertNotIn("qemu-system-x86", missing)


if __name__ == "__main__":
    unittest.main()
