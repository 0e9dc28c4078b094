# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""man_test.py DAEMON: whether the manual pages are right, as far as that can be told without reading."""

import glob
import os
import re
import subprocess
import sys
import unittest

DAEMON = os.path.abspath(sys.argv.pop(1))
PAGES = sorted(glob.glob("docs/man/*.8"))
# Of another package; pages that the kernel's and systemd's people write.
OTHERS = {"sysctl(8)", "journalctl(1)", "systemd.unit(5)", "ip-ntable(8)"}
# Long and short, at the start of a paragraph of OPTIONS and in the output of --help.
OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)")


def run(*command, **kwargs):
    env = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="100", MANPAGER="cat")
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False, **kwargs)


def shown(page):
    return re.sub(r".\x08", "", run("man", "--warnings", "-l", page).stdout)


def section(text, name):
    found = re.search(rf"^{name}\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
    return found[1] if found else ""


class ManTest(unittest.TestCase):
    def test_each_object_has_a_page(self):
        objects = {os.path.basename(path)[:-len(".bpf.o")] for path in glob.glob("bpf/tuners/*.bpf.o")}
        self.assertGreaterEqual(len(objects), 11)
        pages = {os.path.basename(page)[len("bpftune-"):-len(".8")].replace("-", "_")
                 for page in PAGES if page != "docs/man/bpftune.8"}
        self.assertEqual(objects, pages - {"ctl"})

    def test_each_renders_without_a_warning(self):
        for page in PAGES:
            with self.subTest(page):
                rendered = run("man", "--warnings", "-l", page)
                self.assertEqual("", rendered.stderr)
                self.assertIn("NAME", rendered.stdout)
                lint = run("mandoc", "-T", "lint", "-W", "error", page)
                self.assertEqual("", lint.stdout)

    def test_each_can_be_found_by_apropos(self):
        for page in PAGES:
            with self.subTest(page):
                name = os.path.basename(page)[:-len(".8")]
                self.assertRegex(shown(page), rf"(?m)^ +{name} [-–—] \w")

    def test_pages_that_are_named_are_there(self):
        here = {os.path.basename(page)[:-len(".8")] + "(8)" for page in PAGES} | OTHERS | {"bpftunectl(8)"}
        for page in PAGES:
            with self.subTest(page):
                named = re.findall(r"\b[a-z][\w.-]*\([1-8]\)", section(shown(page), "SEE ALSO"))
                self.assertTrue(named)
                self.assertLessEqual(set(named), here)

    def test_every_text_of_an_object_is_in_its_page(self):
        page = " ".join(shown("docs/man/bpftune-tcp-buffer.8").split())
        for part in ("net.ipv4.tcp_rmem", "need to increase TCP buffer size(s)"):
            self.assertIn(part, page)

    def test_bpftune_has_the_options_of_its_help_and_no_others(self):
        help_text = run(DAEMON, "--help").stdout
        offered = set()
        for line in help_text.splitlines():
            found = re.match(r"  (-\S+)", line)
            if found:
                offered |= set(OPTION.findall(found[1].replace(",", " ")))
        self.assertGreater(len(offered), 15)
        options = section(shown("docs/man/bpftune.8"), "OPTIONS")
        described = set()
        for line in options.splitlines():
            found = re.match(r"       (-.*?)(?:   |$)", line)
            if found:
                described |= set(OPTION.findall(found[1]))
        self.assertEqual(offered, described)

    def test_options_of_examples_are_taken(self):
        """As printed, but with --help behind: what is not there is refused before that."""
        examples = re.findall(r"(?m)^ +(bpftune .*)$", section(shown("docs/man/bpftune.8"), "EXAMPLES"))
        self.assertGreaterEqual(len(examples), 4)
        for example in examples:
            with self.subTest(example):
                arguments = ["/proc/self/ns/net" if word.startswith("/run/netns/") else word
                             for word in example.split()[1:]]
                self.assertNotEqual(2, run(DAEMON, *arguments, "--version").returncode, example)
                self.assertEqual(2, run(DAEMON, *arguments, "--no-such-option", "--version").returncode)


if __name__ == "__main__":
    unittest.main()
