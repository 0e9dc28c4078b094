# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The dashboard asks for metrics that `bpftunectl metrics` has, and for all of them."""

import json
import re
import unittest

# Family(metrics, "bpftune_up", "gauge", ...): a counter's samples end with _total.
FAMILY = re.compile(r'\(metrics, "(bpftune_\w+)", "(gauge|counter)"')


class GrafanaTest(unittest.TestCase):
    def setUp(self):
        with open("docs/grafana/bpftune.json", encoding="utf-8") as file:
            self.dashboard = json.load(file)
        with open("tools/bpftunectl/metrics.cc", encoding="utf-8") as file:
            families = FAMILY.findall(file.read())
        self.produced = {name + ("_total" if kind == "counter" else "") for name, kind in families}

    def expressions(self):
        return [target["expr"] for panel in self.dashboard["panels"] for target in panel["targets"]]

    def test_each_metric_is_there_and_none_is_left_out(self):
        self.assertGreater(len(self.produced), 8)
        asked = {name for text in self.expressions() for name in re.findall(r"\bbpftune_\w+", text)}
        self.assertEqual(self.produced, asked)

    def test_panels_have_numbers_of_their_own_and_do_not_overlap(self):
        panels = self.dashboard["panels"]
        self.assertEqual(len(panels), len({panel["id"] for panel in panels}))
        cells = [(x, y) for panel in panels for place in [panel["gridPos"]]
                 for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])]
        self.assertEqual(len(cells), len(set(cells)))
        self.assertLess(max(x for x, _ in cells), 24)

    def test_parentheses_are_closed(self):
        for text in self.expressions():
            for opening, closing in ("()", "{}", "[]"):
                self.assertEqual(text.count(opening), text.count(closing), text)


if __name__ == "__main__":
    unittest.main()
