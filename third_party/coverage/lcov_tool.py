#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Merges C++ coverage into one lcov file, in place of Bazel's Java tool.

Called by Bazel in two ways:
  per test:   --coverage_dir=D --output_file=F --filter_sources=RE... --source_file_manifest=M
              D holds gcov's *.gcov.json.gz (gcc) or lcov *.dat (llvm-cov export)
  at the end: --reports_file=R --output_file=F, where R lists the tests' lcov files
"""
import collections
import glob
import gzip
import json
import os
import re
import sys


def main(argv):
    opts = collections.defaultdict(list)
    for a in argv:
        k, _, v = a.lstrip("-").partition("=")
        opts[k].append(v)

    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    funcs = collections.defaultdict(dict)  # file -> name -> [line, hits]

    def read_lcov(path):
        cur = None
        with open(path, encoding="utf-8", errors="replace") as f:
            for row in f:
                row = row.rstrip("\n")
                tag, _, val = row.partition(":")
                if tag == "SF":
                    cur = val
                elif tag == "DA":
                    n, h = val.split(",")[:2]
                    lines[cur][int(n)] += int(h)
                elif tag == "FN":
                    n, name = val.split(",", 1)
                    funcs[cur].setdefault(name, [int(n), 0])
                elif tag == "FNDA":
                    h, name = val.split(",", 1)
                    funcs[cur].setdefault(name, [0, 0])[1] += int(h)

    def read_gcov(path):
        with gzip.open(path, "rt", encoding="utf-8", errors="replace") as f:
            doc = json.load(f)
        for file in doc["files"]:
            name = file["file"]
            for l in file["lines"]:
                lines[name][l["line_number"]] += l["count"]
            for fn in file["functions"]:
                e = funcs[name].setdefault(fn["demangled_name"], [fn["start_line"], 0])
                e[1] += fn["execution_count"]

    for r in opts["reports_file"]:
        with open(r) as f:
            for p in f.read().split():
                if os.path.getsize(p):
                    read_lcov(p)
    for d in opts["coverage_dir"]:
        for p in sorted(glob.glob(d + "/**/*.gcov.json.gz", recursive=True)):
            read_gcov(p)
        for p in sorted(glob.glob(d + "/**/*.dat", recursive=True)):
            if os.path.abspath(p) not in map(os.path.abspath, opts["output_file"]):
                read_lcov(p)

    manifest = None
    for m in opts["source_file_manifest"]:
        with open(m) as f:
            manifest = {l for l in f.read().split("\n") if l and not l.endswith(".gcno")}
    skip = [re.compile(x) for x in opts["filter_sources"]]

    with open(opts["output_file"][0], "w") as out:
        for name in sorted(lines):
            if any(s.fullmatch(name) for s in skip) or (manifest is not None and name not in manifest):
                continue
            out.write("SF:%s\n" % name)
            for fn, (n, _) in sorted(funcs[name].items()):
                out.write("FN:%d,%s\n" % (n, fn))
            for fn, (_, h) in sorted(funcs[name].items()):
                out.write("FNDA:%d,%s\n" % (h, fn))
            out.write("FNF:%d\nFNH:%d\n" % (len(funcs[name]), sum(1 for f in funcs[name].values() if f[1])))
            for n, h in sorted(lines[name].items()):
                out.write("DA:%d,%d\n" % (n, h))
            out.write("LH:%d\nLF:%d\nend_of_record\n" % (sum(1 for h in lines[name].values() if h), len(lines[name])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
