# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
import unittest

from docutils.core import publish_doctree
from docutils.utils import Reporter
from markdown_rst import body, inline, sections
from tuner_page import tuner_page


def shown(lines):
    """What a reader of the page sees; fails where docutils has anything to say about it."""
    settings = {"halt_level": Reporter.INFO_LEVEL, "report_level": Reporter.SEVERE_LEVEL + 1}
    return publish_doctree("\n".join(lines), settings_overrides=settings).astext()


class MarkdownRstTest(unittest.TestCase):
    def test_what_has_a_meaning_in_rst_is_shown_as_it_is(self):
        for text in ("a_b c_ 2*3 |x| `", "x_", "*", "-340 against -804", "gc_thresh{1,2,3}_"):
            self.assertEqual(text, shown([inline("Word " + text)])[len("Word "):])

    def test_code_and_emphasis_touch_other_text(self):
        self.assertEqual("(tcp_rmem[2], a*b)s held back.", shown([inline("(`tcp_rmem[2]`, `a*b`)s *held* **back**.")]))

    def test_links_are_their_words_and_those_to_tuners_the_name_of_a_page(self):
        self.assertEqual("bpftune-tcp-conn(8), see below",
                         shown([inline("[tcp_conn](tcp_conn.md), see [below](#x)")]))

    def test_a_table_is_a_list_of_its_rows(self):
        lines = body(["| a | b | c |", "|---|---|---|", "| 1 | `2` | 3 |", "", "After."])
        self.assertEqual("1\n\nb: 2\n\nc: 3\n\nAfter.", shown(lines))

    def test_lists_paragraphs_and_code_end_where_they_end(self):
        lines = body(["Text", "goes on:", "", "    code *x*", "", "    more", "", "* one", "  and on", "* two", "", "1. first"])
        self.assertEqual("Text goes on:\n\ncode *x*\n\nmore\n\none and on\n\ntwo\n\nfirst", shown(lines))

    def test_sections_are_in_order_and_the_title_is_none_of_them(self):
        page = "<!-- x -->\n# name\n\nText\n## One `a`\nb\n"
        self.assertEqual([("", ["", "Text"]), ("One a", ["b"])], sections(page))


class TunerPageTest(unittest.TestCase):
    def test_tables_are_from_the_object_and_prose_from_the_page(self):
        tunable = {"name": "net.x", "labels": "min max", "set": "x", "per_netns": True,
                   "on_sockets": False, "min": 1, "max": 9}
        scenario = {"id": "FULL", "name": "full", "description": "It is full", "reason": "need",
                    "evidence": "{tunable}: {arg0}."}
        hook = {"name": "look", "loss": "nothing is tuned", "required": True, "programs": ["look__iter"]}
        tuner = {"name": "a_b", "summary": "sizes x", "tunables": [tunable], "scenarios": [scenario],
                 "hooks": [hook], "strategies": [], "modules": []}
        text = shown(tuner_page(tuner, "# a_b\n\nProse.\n\n## Hooks\n\nstale\n").splitlines())
        for part in ("bpftune-a-b", "Prose.", "net.x", "Never below 1 nor above 9", "FULL",
                     "{tunable}: {arg0}.", "look__iter. Without it the tuner has nothing to do: nothing is tuned."):
            self.assertIn(part, text)
        self.assertNotIn("stale", text)
        self.assertNotIn("STRATEGIES", text)


if __name__ == "__main__":
    unittest.main()
