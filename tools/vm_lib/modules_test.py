# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Which modules are loaded, and in which order."""

import lzma
import pathlib
import tempfile
import unittest

from vm_lib import modules
from vm_lib.failure import Failure


def _module(depends: str) -> bytes:
    return f"\0license=GPL\0depends={depends}\0name=x\0".encode()


class DependenciesTest(unittest.TestCase):
    def test_are_read_from_modinfo(self) -> None:
        self.assertEqual(modules.dependencies(_module("nf-nat,x_tables")), ["nf_nat", "x_tables"])
        self.assertEqual(modules.dependencies(_module("")), [])
        self.assertEqual(modules.dependencies(b"no such field"), [])


class LoadOrderTest(unittest.TestCase):
    def test_each_module_once_and_after_what_it_needs(self) -> None:
        needs = {"top": ["left", "right"], "left": ["bottom"], "right": ["bottom"], "bottom": []}
        order = modules.load_order(["top", "left"], needs.__getitem__)
        self.assertEqual(order, ["bottom", "left", "right", "top"])

    def test_a_dash_is_an_underscore(self) -> None:
        self.assertEqual(modules.load_order(["a-b", "a_b"], lambda _: []), ["a_b"])


class ModuleFolderTest(unittest.TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        kernel = pathlib.Path(temporary.name)
        (kernel / "modules").mkdir()
        (kernel / "modules" / "veth.ko").write_bytes(_module(""))
        (kernel / "modules" / "xt_set.ko.xz").write_bytes(lzma.compress(_module("veth,sch-fq")))
        (kernel / "modules.builtin").write_text("kernel/net/sched/sch_fq.ko\n")
        self.folder = modules.ModuleFolder(kernel, "9.9")

    def test_compressed_modules_are_unpacked_and_built_in_ones_left_out(self) -> None:
        self.assertEqual(
            self.folder.in_load_order(["xt_set", "sch_fq"]),
            [("veth", _module("")), ("xt_set", _module("veth,sch-fq"))],
        )

    def test_an_unknown_module_is_an_error_that_names_kernel_and_module(self) -> None:
        with self.assertRaisesRegex(Failure, "9.9 has no module 'nonsense'"):
            self.folder.in_load_order(["nonsense"])


if __name__ == "__main__":
    unittest.main()
