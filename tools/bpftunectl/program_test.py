# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""program_test.py BPFTUNECTL: exit codes and --watch, where no bpftune has been. What else there is to see needs one:
testing/scenarios/bpftunectl_test.cc."""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.abspath(sys.argv.pop(1))
FINE, PROBLEM, USAGE, NO_DAEMON = range(4)  # 4, not allowed, is in the other test
CLEAR = b"\033[H\033[2J"
PATIENCE = 30


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.places = ["--run-dir", f"{self.folder}/run", "--pin-dir", f"{self.folder}/pins", "--tuners", self.folder,
                       "--daemon", "/bin/false"]

    def start(self, *arguments, stdout=subprocess.PIPE):
        process = subprocess.Popen([TOOL, *arguments, *self.places], stdout=stdout, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def code(self, *arguments):
        process = self.start(*arguments)
        process.communicate(timeout=PATIENCE)
        return process.returncode

    def test_exit_codes_are_those_of_the_manual_page(self):
        for expected, *arguments in [
                (FINE, "--help"), (FINE, "explain", "--help"), (FINE, "--version"), (FINE, "completion", "fish"),
                (FINE, "metrics"), (FINE, "rollback"), (PROBLEM, "check", TOOL), (PROBLEM, "check", "/no/such"),
                (USAGE,), (USAGE, "stauts"), (USAGE, "status", "--no-such-option"), (USAGE, "completion", "tcsh"),
                (USAGE, "explain", "net.ipv4.no_such"), (USAGE, "pause", "no_such"), (USAGE, "-n", "/no/such", "status"),
                (NO_DAEMON, "status"), (NO_DAEMON, "doctor"), (NO_DAEMON, "pause")]:
            with self.subTest(arguments):
                self.assertEqual(expected, self.code(*arguments))

    def test_of_several_bpftunes_one_has_to_be_chosen(self):
        for name in ("netns-1", "netns-2"):
            os.makedirs(f"{self.folder}/run/{name}")
        self.assertEqual(USAGE, self.code("status"))
        process = self.start("status", "--json", "--instance", "netns-2")
        self.assertEqual("netns-2", json.loads(process.communicate(timeout=PATIENCE)[0])["instance"])
        self.assertEqual(NO_DAEMON, process.returncode)

    def test_watch_on_a_terminal_draws_over_the_last_look(self):
        master, terminal = pty.openpty()
        self.addCleanup(os.close, master)
        process = self.start("--watch", "--every", "0.1", "status", stdout=terminal)
        os.close(terminal)
        seen = b""
        while seen.count(CLEAR) < 3:
            seen += os.read(master, 4096)
        nothing, first, second, _ = seen.split(CLEAR, 3)
        self.assertEqual(b"", nothing)
        self.assertIn(b"does not run", first)
        self.assertEqual(first, second)
        process.send_signal(signal.SIGINT)
        self.assertEqual(NO_DAEMON, process.wait(PATIENCE))

    def test_watch_into_a_pipe_is_one_document_a_line_until_it_is_told_to_end(self):
        for told in (signal.SIGINT, signal.SIGTERM):
            for code, command in [(NO_DAEMON, "status"), (FINE, "tunables")]:
                with self.subTest(told=told, command=command):
                    process = self.start("--watch", "--every", "0.1", "--json", command)
                    for _ in range(3):
                        self.assertEqual(command, json.loads(process.stdout.readline())["command"])
                    process.send_signal(told)
                    rest = process.communicate(timeout=PATIENCE)[0].splitlines()
                    self.assertEqual(code, process.returncode)
                    for line in rest:
                        self.assertEqual(command, json.loads(line)["command"])

    def test_watch_is_told_to_end_while_it_waits(self):
        process = self.start("--watch", "--every", "86400", "--json", "status")
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(NO_DAEMON, process.wait(PATIENCE))

    def test_watch_ends_where_it_cannot_go_on(self):
        self.assertEqual(USAGE, self.code("--watch", "explain", "net.ipv4.no_such"))
        with open("/dev/full", "wb") as full:
            self.assertEqual(PROBLEM, self.start("--watch", "status", stdout=full).wait(PATIENCE))


if __name__ == "__main__":
    unittest.main()
