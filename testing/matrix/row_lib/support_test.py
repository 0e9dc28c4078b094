# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Reading what `bpftune -S` prints, and comparing it with what is expected."""

import unittest

from row_lib import support
from row_lib.support import Hook

_PRINTED = """\
bpftune: warning: something else
bpftune works in legacy mode
bpftune supports per-netns policy (via netns cookie)
tuner         hook      runs as                 does it fire
JIT           on - as it should be
tcp_buffer    flow      flow__sockops  fires
tcp_buffer    grow      - all are remembered (grow__tp_btf: loading: No such process)
tcp_conn      module    - htcp is not tried (tcp_htcp: not there)
route         -         stands down: Debian's kernels do not limit routes
not loaded: bpf/tuners/tcp_bbr.bpf.o: tuner 'tcp_bbr', hook 'bbr': none works (args#0 (so)); \
another bbr is used. See docs/kernel-support.md
"""

_EXPECTED = """\
# grow came with 6.16
bpftune works in legacy mode
bpftune supports per-netns policy (via netns cookie)
tcp_buffer    flow      flow__sockops
tcp_buffer    grow      - all are remembered
route         -         stands down
not loaded: tcp_bbr.bpf.o: another bbr is used
"""


class ParseTest(unittest.TestCase):
    def test_takes_the_table_without_reasons_modules_and_further_columns(self) -> None:
        self.assertEqual(
            support.parse(_PRINTED).hooks,
            (
                Hook("tcp_buffer", "flow", program="flow__sockops"),
                Hook("tcp_buffer", "grow", loss="all are remembered"),
                Hook("route", "-", loss="stands down"),
                Hook("tcp_bbr", "-", loss="another bbr is used"),
            ),
        )

    def test_an_expectation_reads_as_it_is_printed(self) -> None:
        expected = [line for line in _EXPECTED.splitlines() if not line.startswith("#")]
        self.assertEqual(support.parse(_EXPECTED).lines(), expected)


class DifferencesTest(unittest.TestCase):
    def test_none_where_all_is_as_expected(self) -> None:
        self.assertEqual(self._differences(_PRINTED), [])

    def test_a_hook_that_is_lost_differs_by_line(self) -> None:
        found = _PRINTED.replace("flow__sockops  fires", "- no connection is seen (why)")
        self.assertEqual(
            self._differences(found)[1:],
            [
                "- tcp_buffer    flow      flow__sockops",
                "+ tcp_buffer    flow      - no connection is seen",
            ],
        )

    def test_a_hook_that_is_gained_differs_too(self) -> None:
        found = _PRINTED.replace("- all are remembered (", "grow__tp_btf (")
        self.assertIn("+ tcp_buffer    grow      grow__tp_btf", self._differences(found))

    def test_a_fallback_is_not_the_program_that_is_expected(self) -> None:
        found = _PRINTED.replace("flow__sockops", "flow__kprobe")
        self.assertIn("+ tcp_buffer    flow      flow__kprobe", self._differences(found))

    def test_nothing_printed_loses_everything(self) -> None:
        self.assertEqual(len(self._differences("")), 1 + 6)

    def _differences(self, printed: str) -> list[str]:
        expected, found = support.parse(_EXPECTED), support.parse(printed)
        return support.differences(expected, found, "expected/row")


if __name__ == "__main__":
    unittest.main()
