# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""tools/plot: of a run that is known, the picture is read back by its own axes."""

import json
import os
import re
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

SECOND = 10**9
BEGAN = 1_796_067_080 * SECOND
TUNABLE = "net.ipv4.tcp_rmem"
UNITS = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}


def sample(second, part, mbit, srtt_ms, value):
    """Of the second that ends then."""
    return {"time_ns": BEGAN + second * SECOND, "part": part, "mbit": mbit, "srtt_ms": srtt_ms, "value": value}


SAMPLES = ([sample(second, "without", 25, 40, 1_000_000) for second in range(1, 6)]
           + [sample(second, "with <&>", 75, 80, 2_000_000) for second in range(6, 11)])


def decision(seconds, new, outcome="changed", tunable=TUNABLE, words="the path needs 1500000 bytes."):
    return {"time_ns": BEGAN + int(seconds * SECOND), "outcome": outcome, "tunable": tunable,
            "new": [4096, 131072, new], "lines": ["Need to increase", words]}


# One that counts, and around it those of others, of another time, and of other numbers of it.
DECISIONS = [decision(5.5, 2_000_000), decision(6, 9, tunable="net.ipv4.tcp_wmem"), decision(7, 9, outcome="refused"),
             decision(8, None), decision(99, 9)]


def lines_of(decisions):
    return "".join(json.dumps(row) + "\n" for row in decisions)


class Picture:
    def __init__(self, text):
        self.root = ElementTree.fromstring(text)

    def all(self, kind, inside=None):
        return (inside if inside is not None else self.root).iter("{http://www.w3.org/2000/svg}" + kind)

    def group(self, name):
        (found,) = [group for group in self.all("g") if group.get("class") == name]
        return found

    def second_at(self, x):
        """By the labels below."""
        marks = {int(text.text): float(text.get("x")) for text in self.all("text") if re.fullmatch(r"\d+", text.text)}
        return 5 * (x - marks[0]) / (marks[5] - marks[0])

    def value_at(self, panel, y):
        """By the lines of this panel, from 0 to the most, and the label of that."""
        bottom, _, top = [float(line.get("y1")) for line in self.all("line", self.group(panel))]
        labels = [text.text for text in self.all("text", self.group(panel)) if text.get("text-anchor") == "end"]
        number, unit = re.match(r"([\d.]+) ([kMG]?)", labels[2]).groups()
        return float(number) * UNITS[unit] * (bottom - y) / (bottom - top)

    def curves(self, name):
        return [[(self.second_at(x), self.value_at(name, y)) for x, y in
                 (map(float, point.split(",")) for point in line.get("points").split())]
                for line in self.all("polyline", self.group(name))]

    def needs(self):
        return [(self.second_at(float(dot.get("cx"))), self.value_at("value", float(dot.get("cy"))))
                for dot in self.all("circle", self.group("need"))]


class PlotTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.samples = os.path.join(folder.name, "samples.json")
        self.history = os.path.join(folder.name, "history.jsonl")
        self.write(self.samples, json.dumps({"tunable": TUNABLE, "rate_mbit": 100, "samples": SAMPLES}))
        self.write(self.history, lines_of(DECISIONS))

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    @staticmethod
    def plot(*arguments):
        return subprocess.run(["tools/plot", *arguments], capture_output=True, text=True, check=False)

    def drawn(self, *arguments):
        done = self.plot(*arguments)
        self.assertEqual(("", 0), (done.stderr, done.returncode))
        return Picture(done.stdout)

    def assert_points(self, expected, points, within):
        """Within a pixel or so."""
        self.assertEqual(len(expected), len(points), points)
        for (second, value), (seen_second, seen_value) in zip(expected, points):
            self.assertAlmostEqual(second, seen_second, delta=0.02)
            self.assertAlmostEqual(value, seen_value, delta=within)

    def test_each_curve_is_where_it_was_seen(self):
        picture = self.drawn(self.samples, self.history)
        without, with_it = picture.curves("throughput")
        self.assert_points([(second + 0.5, 25e6) for second in range(5)], without, 1e5)
        self.assert_points([(second + 5.5, 75e6) for second in range(5)], with_it, 1e5)
        without, with_it = picture.curves("rtt")
        self.assert_points([(second + 0.5, 40) for second in range(5)], without, 0.1)
        self.assert_points([(second + 5.5, 80) for second in range(5)], with_it, 0.1)
        (value,) = picture.curves("value")
        self.assert_points([(0, 1e6), (5.5, 1e6), (5.5, 2e6), (10, 2e6)], value, 2e3)
        self.assert_points([(5.5, 1.5e6)], picture.needs(), 2e3)
        texts = [text.text for text in picture.all("text")]
        for title in ("Throughput", "Round-trip time", "without", "with <&>",
                      f"{TUNABLE}, maximum (line), and what the path needs (dots)"):
            self.assertIn(title, texts)

    def test_history_may_be_what_bpftunectl_prints(self):
        by_lines = self.plot(self.samples, self.history).stdout
        self.write(self.history, json.dumps({"schema": 1, "decisions": DECISIONS}, indent=2))
        self.assertEqual(by_lines, self.plot(self.samples, self.history).stdout)

    def test_without_a_history_the_values_are_those_of_the_samples(self):
        picture = self.drawn(self.samples)
        (value,) = picture.curves("value")
        self.assertIn((6, 2e6), [(round(second), round(number, -4)) for second, number in value])
        self.assertEqual([], picture.needs())

    def assert_refused(self, words, *arguments):
        done = self.plot(*arguments)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertEqual("", done.stdout)
        self.assertEqual(f"plot: {words}\n", done.stderr)

    def test_a_file_that_is_missing_is_named(self):
        self.assert_refused("/no/samples: No such file or directory", "/no/samples")
        self.assert_refused("/no/history: No such file or directory", self.samples, "/no/history")

    def test_a_line_that_is_no_json_is_named(self):
        self.write(self.history, lines_of(DECISIONS[:2]) + '{"id": \n')
        self.assert_refused(f"{self.history}:3: is no JSON: Expecting value", self.samples, self.history)
        self.write(self.history, '{\n"schema": 1,\n"decisions": [\n')
        self.assert_refused(f"{self.history}:4: is no JSON: Expecting value", self.samples, self.history)
        self.write(self.samples, '{"tunable":"x",\n"samples":[}')
        self.assert_refused(f"{self.samples}:2: is no JSON: Expecting value", self.samples)

    def test_what_is_not_there_is_said(self):
        self.write(self.history, lines_of(DECISIONS[:1]) + "{}\n")
        self.assert_refused(f"{self.history}:2: has no 'time_ns', or it is of another kind", self.samples, self.history)
        self.write(self.history, '{\n"error": "no bpftune has left anything"}')
        self.assert_refused(f"{self.history}: has no 'decisions', or it is of another kind", self.samples, self.history)
        self.write(self.history, "\n")
        self.assert_refused(f"{self.history}: there are no decisions in it", self.samples, self.history)
        self.write(self.samples, json.dumps({"tunable": TUNABLE, "rate_mbit": 100, "samples": [SAMPLES[0], {}]}))
        self.assert_refused(f"{self.samples}: sample 1: has no 'time_ns', or it is of another kind", self.samples)
        self.write(self.samples, '{"tunable": "x", "rate_mbit": 1, "samples": []}')
        self.assert_refused(f"{self.samples}: there are no samples in it", self.samples)


if __name__ == "__main__":
    unittest.main()
