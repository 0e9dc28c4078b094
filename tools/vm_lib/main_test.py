# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The command line."""

import contextlib
import io
import tempfile
import unittest

from vm_lib import main
from vm_lib.failure import Code


def _run(*arguments: str) -> tuple[int, str]:
    """Exit code and standard error."""
    errors = io.StringIO()
    with tempfile.TemporaryDirectory() as cache, contextlib.redirect_stderr(errors):
        return main.main(["--cache", cache, *arguments]), errors.getvalue()


class MisuseTest(unittest.TestCase):
    def test_each_has_its_own_exit_code_and_says_what_is_allowed(self) -> None:
        for arguments, expected in {
            (): "a KERNEL and, behind '--', a COMMAND",
            ("5.10",): "a KERNEL and, behind '--', a COMMAND",
            ("5.10", "uname"): "unrecognized arguments: uname; see tools/vm --help",
            ("--time-limit", "soon", "5.10", "--", "true"): "invalid float value: 'soon'",
            ("--time-limit", "0", "5.10", "--", "true"): "must be positive",
            ("4.19", "--", "true"): "allowed are 5.10, 6.1, 6.12, 6.12-rt, 6.16,",
        }.items():
            with self.subTest(arguments):
                code, errors = _run(*arguments)
                self.assertEqual(code, Code.MISUSE)
                self.assertIn(expected, errors)


class CommandTest(unittest.TestCase):
    def test_everything_behind_the_first_dashes_is_the_command(self) -> None:
        own, command = main.split_command(["5.10", "--", "sh", "--", "--mem"])
        self.assertEqual(own, ["5.10"])
        self.assertEqual(command, ["sh", "--", "--mem"])

    def test_one_argument_is_a_line_for_the_shell_and_several_are_words(self) -> None:
        self.assertEqual(main.shell_line(["echo $HOME > /out/home"]), "echo $HOME > /out/home")
        self.assertEqual(main.shell_line(["echo", "$HOME", "a b"]), "echo '$HOME' 'a b'")


if __name__ == "__main__":
    unittest.main()
