# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""The Markdown that our pages use, as reStructuredText: headings, paragraphs, lists, tables, code.

A table becomes a list of its rows, which a terminal of any width can show.
"""

import re

# In this order: code is not looked into.
_INLINE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|\*\*(?P<strong>.+?)\*\*"
    r"|(?<![\w*])\*(?P<em>[^*\s][^*]*?)\*(?![\w*])"
    r"|\[(?P<text>[^\]]+)\]\((?P<link>[^)]+)\)"
)
_PAGE = re.compile(r"(?:tuners/)?([a-z_]+)\.md(?:#.*)?$")


def plain(text):
    """Text with nothing in it that has a meaning in reStructuredText."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def literal(text):
    return f"``{text}``"


def title(text):
    return ["", text, "=" * len(text)]


def _link(text, target):
    page = _PAGE.match(target)
    if page and text == page[1]:
        return plain("bpftune-" + text.replace("_", "-") + "(8)")
    return inline(text)


def inline(text):
    out, at = [], 0
    for found in _INLINE.finditer(text):
        out.append(plain(text[at:found.start()]))
        if found["code"] is not None:
            mark = literal(found["code"])
        elif found["strong"] is not None:
            mark = f"**{found['strong'].replace('`', '')}**"
        elif found["em"] is not None:
            mark = f"*{found['em']}*"
        else:
            mark = None
            out.append(_link(found["text"], found["link"]))
        if mark:
            out.append(f"\\ {mark}\\ ")
        at = found.end()
    out.append(plain(text[at:]))
    return "".join(out)


def sections(page):
    """[(heading, lines)] of a page; the first is what stands below its title."""
    out = [("", [])]
    for line in page.splitlines():
        if line.startswith("## "):
            out.append((line[3:].replace("`", ""), []))
        elif not line.startswith(("# ", "<!--")):
            out[-1][1].append(line)
    return out


def _cells(row):
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def _table(rows):
    header = _cells(rows[0])
    for row in rows[2:]:
        cells = _cells(row)
        yield from ["", inline(cells[0]) or "\\ "]
        if len(cells) == 2:
            yield "    " + inline(cells[1])
            continue
        for name, cell in zip(header[1:], cells[1:]):
            yield f"    | {inline(name)}: {inline(cell)}"


def _blocks(lines):
    """Groups of lines that belong together, with what they are."""
    kind, block = None, []
    for line in lines + [""]:
        if line.startswith("|"):
            now = "table"
        elif line.startswith("    ") and kind not in ("list", "text"):
            now = "code"
        elif re.match(r"(\*|-|\d+\.) ", line):
            now = "list"
        elif not line.strip():
            now = "code" if kind == "code" else None
        else:
            now = kind if kind in ("list", "text") else "text"
        if now != kind or (now == "list" and re.match(r"(\*|-|\d+\.) ", line)):
            if block:
                yield kind, block
            kind, block = now, []
        if now:
            block.append(line)
    if block:
        yield kind, block


def body(lines):
    out = []
    for kind, block in _blocks(lines):
        if kind == "table":
            out += _table(block)
        elif kind == "code":
            out += ["", "::", ""] + block
        elif kind == "list":
            marker, text = re.match(r"(\*|-|\d+\.) +(.*)", block[0]).groups()
            text = " ".join([text] + [line.strip() for line in block[1:]])
            out += ["", ("#." if marker[0].isdigit() else "*") + " " + inline(text)]
        else:
            out += ["", inline(" ".join(line.strip() for line in block))]
    return out
