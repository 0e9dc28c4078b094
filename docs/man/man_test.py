# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""man_test.py BPFTUNE BPFTUNECTL: whether the manual pages are right, as far as that can be told without reading."""

import glob
import os
import re
import subprocess
import sys
import unittest

PROGRAMS = {"bpftune": os.path.abspath(sys.argv.pop(1)), "bpftunectl": os.path.abspath(sys.argv.pop(1))}
PAGES = sorted(glob.glob("docs/man/*.8"))
# Of another package; pages that the kernel's and systemd's people write.
OTHERS = {"sysctl(8)", "journalctl(1)", "systemd.unit(5)", "ip-ntable(8)"}
# Long and short, at the start of a paragraph of OPTIONS and in the output of --help.
OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)")


def run(*command, **kwargs):
    env = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="100", MANPAGER="cat")
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False, **kwargs)


def shown(page):
    return re.sub(r".\x08", "", run("man", "--nh", "--nj", "--warnings", "-l", page).stdout)


def section(text, name):
    found = re.search(rf"^{name}\n(.*?)(?=^\S|\Z)", text, re.M | re.S)
    return found[1] if found else ""


class ManTest(unittest.TestCase):
    def test_each_object_has_a_page(self):
        objects = {os.path.basename(path)[:-len(".bpf.o")] for path in glob.glob("bpf/tuners/*.bpf.o")}
        self.assertGreaterEqual(len(objects), 11)
        pages = {os.path.basename(page)[len("bpftune-"):-len(".8")].replace("-", "_")
                 for page in PAGES if "/bpftune-" in page}
        self.assertEqual(objects, pages)

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

    def test_options_are_those_of_help_and_no_others(self):
        for name, program in PROGRAMS.items():
            with self.subTest(name):
                offered = set()
                for line in run(program, "--help").stdout.splitlines():
                    found = re.match(r"  (-\S+)", line)
                    if found:
                        offered |= set(OPTION.findall(found[1].replace(",", " ")))
                self.assertGreater(len(offered), 15)
                described = set()
                for line in section(shown(f"docs/man/{name}.8"), "OPTIONS").splitlines():
                    found = re.match(r"       (-.*?)(?:   |$)", line)
                    if found:
                        described |= set(OPTION.findall(found[1]))
                self.assertEqual(offered, described)

    def test_commands_are_those_of_help_and_no_others(self):
        text = run(PROGRAMS["bpftunectl"], "--help").stdout
        offered = set(re.findall(r"(?m)^  ([a-z]+) +\S", text[text.index("Subcommands:"):]))
        self.assertGreater(len(offered), 10)
        page = section(shown("docs/man/bpftunectl.8"), "COMMANDS")
        self.assertEqual(offered, set(re.findall(r"(?m)^       ([a-z]+)(?: [A-Z\[]|$|  )", page)))

    def test_examples_are_taken_as_printed(self):
        """With --help behind, so that nothing happens (testing/scenarios/examples_test.cc runs them); what is not there
        is refused before that."""
        for name, program in PROGRAMS.items():
            page = section(shown(f"docs/man/{name}.8"), "EXAMPLES")
            examples = re.findall(rf"(?m)^ +({name} .*)$", page)
            self.assertGreaterEqual(len(examples), 4)
            for example in examples:
                with self.subTest(example):
                    arguments = ["/proc/self/ns/net" if word.startswith("/run/netns/") else word
                                 for word in example.split()[1:]]
                    self.assertEqual(0, run(program, *arguments, "--help").returncode)
                    refused = run(program, *arguments, "--no-such-option")
                    self.assertEqual(2, refused.returncode)
                    self.assertRegex(refused.stdout + refused.stderr, "not expected: --no-such-option\n")


if __name__ == "__main__":
    unittest.main()
