# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""What a run's traces are taken to mean."""

import unittest

from vm_lib import verdict
from vm_lib.failure import Code
from vm_lib.verdict import Events, Verdict

_QUIET = "[    0.000000] Linux version 6.1.0\n[    0.1] x86/cpu: some feature is off\n"
_RAN = Events(started=1.0, status=0, ended=2.0)


def _judge(events: Events, console: str = _QUIET, timed_out: bool = False) -> Verdict:
    return verdict.judge(events, console, time_limit=30, timed_out=timed_out)


class ParseEventsTest(unittest.TestCase):
    def test_a_whole_run(self) -> None:
        self.assertEqual(
            verdict.parse_events("started 1.25\nended 7 3.50\nsent\n"),
            Events(started=1.25, status=7, ended=3.5, sent=True),
        )

    def test_a_line_cut_short_by_a_crash_does_not_count(self) -> None:
        self.assertEqual(verdict.parse_events("started 1.25\nended 7"), Events(started=1.25))


class ComplaintsTest(unittest.TestCase):
    def test_each_way_in_which_a_kernel_complains_is_seen(self) -> None:
        for line in (
            "[    3.1] Kernel panic - not syncing: sysrq triggered crash",
            "[    3.1] Oops: 0000 [#1] SMP NOPTI",
            "[    3.1] BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "[    3.1] kernel BUG at net/core/skbuff.c:112!",
            "[    3.1] general protection fault, probably for non-canonical address",
            "[    3.1] ------------[ cut here ]------------",
            "[    3.1] WARNING: CPU: 0 PID: 12 at net/core/dev.c:1 f+0x1/0x2",
            "[    3.1] WARNING: net/core/dev.c:1 at f+0x1/0x2, CPU#0: test/12",
            "[    3.1] WARNING: possible circular locking dependency detected",
            "[   30.1] rcu: INFO: rcu_sched self-detected stall on CPU",
            "[   30.1] INFO: task test:12 blocked for more than 120 seconds.",
            "[   30.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
            "[   30.1] unregister_netdevice: waiting for lo to become free. Usage count = 1",
            "[   30.1] list_del corruption. prev->next should be 1, but was 2",
        ):
            with self.subTest(line):
                self.assertEqual(verdict.complaints(_QUIET + line + "\r\n"), [line])

    def test_a_healthy_console_has_none(self) -> None:
        for line in (
            "[    0.5] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
            "[    0.5] MDS: Vulnerable: Clear CPU buffers attempted, no microcode",
            "[    0.5] DEBUG: all is well",
            "[    0.5] Loaded X.509 cert 'Debian Secure Boot CA'",
        ):
            with self.subTest(line):
                self.assertEqual(verdict.complaints(line), [])


class JudgeTest(unittest.TestCase):
    def test_a_quiet_run_has_the_exit_code_of_the_command(self) -> None:
        self.assertEqual(_judge(_RAN), Verdict(0))
        failed = _judge(Events(started=1.0, status=7, ended=2.0))
        self.assertEqual(failed.code, 7)
        self.assertIn("test:", failed.message)

    def test_a_complaint_outweighs_a_command_that_succeeded(self) -> None:
        result = _judge(_RAN, _QUIET + "[ 1.5] ------------[ cut here ]------------\n")
        self.assertEqual(result.code, Code.KERNEL)
        self.assertIn("ended with 0", result.message)

    def test_without_userspace_it_is_the_boot_even_if_the_kernel_panicked(self) -> None:
        panic = "[ 0.5] Kernel panic - not syncing: No working init found.\n"
        result = _judge(Events(), panic)
        self.assertEqual(result.code, Code.BOOT)
        self.assertIn("No working init", result.message)
        self.assertEqual(_judge(Events(), timed_out=True).code, Code.BOOT)

    def test_a_module_that_does_not_load_is_named(self) -> None:
        result = _judge(Events(module_failure="insmod: can't insert 'tun.ko'"))
        self.assertEqual(result.code, Code.BOOT)
        self.assertIn("tun.ko", result.message)

    def test_a_command_that_goes_on_for_ever_is_no_fault_of_the_kernel(self) -> None:
        self.assertEqual(_judge(Events(started=1.0), timed_out=True).code, Code.TIME_LIMIT)

    def test_a_kernel_that_hangs_and_says_so_is(self) -> None:
        lockup = "[ 30.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!\n"
        self.assertEqual(_judge(Events(started=1.0), lockup, timed_out=True).code, Code.KERNEL)

    def test_a_machine_that_stops_without_a_word_is_the_kernel_too(self) -> None:
        self.assertEqual(_judge(Events(started=1.0)).code, Code.KERNEL)


if __name__ == "__main__":
    unittest.main()
