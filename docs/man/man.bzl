# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Manual pages: from reStructuredText, and those of tuners from what the object says."""

# A word of docutils about the text is an error: what it complains of is shown in the page.
_RST2MAN = "rst2man --halt=info"

def man_page(name, src):
    """NAME, "bpftune.8", from reStructuredText."""
    native.genrule(
        name = name + "_page",
        srcs = [src],
        outs = [name],
        cmd = "%s $< $@" % _RST2MAN,
    )

def tuner_man_page(name, tuner):
    """NAME, "bpftune-TUNER.8", from //bpf/tuners:TUNER and docs/tuners/TUNER.md."""
    native.genrule(
        name = name + "_rst",
        srcs = [
            "//bpf/tuners:" + tuner,
            "//docs:tuners/%s.md" % tuner,
        ],
        outs = [name + ".rst"],
        cmd = " && ".join([
            "$(location //tools/describe) $(location //bpf/tuners:%s) >$(@D)/%s.json" % (tuner, tuner),
            "python3 -B $(location //tools/man:tuner_page.py) $(@D)/%s.json $(location //docs:tuners/%s.md) >$@" % (tuner, tuner),
        ]),
        tools = [
            "//tools/describe",
            "//tools/man:markdown_rst.py",
            "//tools/man:tuner_page.py",
        ],
    )
    man_page(name, name + ".rst")
