# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""tuner_page.py DESCRIPTION.json PAGE.md: the manual page of a tuner as reStructuredText.

Its tables are what the object says about itself (tools/describe); the prose is the page that the
documentation has about it.
"""

import json
import sys

import markdown_rst
from markdown_rst import literal, plain, title

# The page's own table of hooks says less than the object does.
_SECTIONS_OF_THE_OBJECT = {"Hooks"}


def page_name(tuner):
    return "bpftune-" + tuner.replace("_", "-")


def _tunables(rows):
    for row in rows:
        yield from ["", literal(row["name"])]
        if row["on_sockets"]:
            yield "    Set on single sockets, by BPF; no sysctl."
            continue
        scope = "each network namespace" if row["per_netns"] else "the whole machine"
        yield f"    Values: {plain(row['labels'])}. Of {scope}."
        yield f"    Never below {row['min']} nor above {row['max']}."
        others = [r["name"] for r in rows if r["set"] == row["set"] and r is not row]
        if others:
            yield "    Yielded together with " + ", ".join(map(literal, others)) + "."


def _scenarios(rows):
    for row in rows:
        yield from ["", literal(row["id"])]
        yield f"    \"{plain(row['name'])}\": {plain(row['description'])}."
        if row["reason"]:
            yield f"    As the reason of a change: \"due to {plain(row['reason'])}\"."
        yield from ["", "    " + plain(row["evidence"])]


def _named(rows, text):
    for row in rows:
        yield from ["", literal(row["name"]), "    " + plain(text(row))]


def _hook(row):
    ways = ", else ".join(row["programs"])
    need = "Without it the tuner has nothing to do" if row["required"] else "Without it"
    return f"{ways}. {need}: {row['loss']}."


def _strategies(tuner):
    return list(_named(tuner["strategies"], lambda r: r["description"] + "."))


def _section(name, lines):
    lines = list(lines)
    return title(name) + lines if lines else []


def tuner_page(tuner, page):
    prose = markdown_rst.sections(page)
    name = page_name(tuner["name"])
    out = ["=" * len(name), name, "=" * len(name), ""]
    summary = plain(tuner["summary"])
    out += ["-" * len(summary), summary, "-" * len(summary), ""]
    out += [":Manual section: 8", ":Manual group: bpftune", ""]
    out += title("DESCRIPTION") + markdown_rst.body(prose.pop(0)[1])
    out += _section("TUNABLES", _tunables(tuner["tunables"]))
    for heading, lines in prose:
        if heading in _SECTIONS_OF_THE_OBJECT:
            continue
        out += title(heading.upper()) + markdown_rst.body(lines)
        if heading == "Strategies":
            out += _strategies(tuner)
    scenarios = list(_scenarios(tuner["scenarios"]))
    if scenarios:
        intro = ["", "What it can see, and how the log calls it. In a text, *{old}*, *{new}*, *{arg0}* "
                 "and the like stand for what was measured."]
        out += title("SCENARIOS") + intro + scenarios
    if "Strategies" not in dict(prose):
        out += _section("STRATEGIES", _strategies(tuner))
    out += _section("HOOKS", _named(tuner["hooks"], _hook))
    out += _section("MODULES", _named(tuner["modules"], lambda r: f"Without it: {r['loss']}."))
    out += title("SEE ALSO") + ["", "bpftune(8), bpftunectl(8)"]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as description, open(sys.argv[2], encoding="utf-8") as md:
        sys.stdout.write(tuner_page(json.load(description), md.read()))
