# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""@debian: the libraries, headers and tools of the installed Debian packages.

Symlinks exactly what is named below, after comparing the installed versions with
packages.lock. What a difference means is chosen with --repo_env=DEBIAN_LOCK=...:

  warn      (default) a difference is only printed: other releases may well build
  upstream  (--config=ci) the upstream version must be the locked one; Debian's own
            revision may move, because fresh machines get security updates
  exact     the full version must be the locked one: to rebuild a release bit by bit
"""

_TRIPLES = {
    "amd64": "x86_64-linux-gnu",
    "arm64": "aarch64-linux-gnu",
}

_PATHS = [
    "usr/include/CLI",
    "usr/include/benchmark",
    "usr/include/bpf",
    "usr/include/elfutils",
    "usr/include/fmt",
    "usr/include/gelf.h",
    "usr/include/libelf.h",
    "usr/include/libnl3",
    "usr/include/nlohmann",
    "usr/include/sys/capability.h",
    "usr/include/zconf.h",
    "usr/include/zlib.h",
    "usr/lib/{triple}/libbenchmark.so.1debian",
    "usr/lib/{triple}/libbpf.a",
    "usr/lib/{triple}/libcap.a",
    "usr/lib/{triple}/libelf.a",
    "usr/lib/{triple}/libnl-3.a",
    "usr/lib/{triple}/libnl-route-3.a",
    "usr/lib/{triple}/libz.a",
    "usr/src/googletest",
]

_TOOLS = {
    "bpftool": "/usr/sbin/bpftool",
    "clang": "/usr/lib/llvm-16/bin/clang",
    "clang-tidy": "/usr/lib/llvm-16/bin/clang-tidy",
    "llvm-readelf": "/usr/lib/llvm-16/bin/llvm-readelf",
}

def _run(rctx, argv):
    result = rctx.execute(argv)
    if result.return_code != 0:
        fail("%s failed: %s" % (" ".join(argv), result.stderr))
    return result.stdout

def _parse_lock(text):
    """NAME VERSION [PREFIX] a line. The installed version must start with the prefix;
    by default that is the version without Debian's revision."""
    locked = []
    for line in text.split("\n"):
        fields = [f for f in line.split("#")[0].split(" ") if f]
        if not fields:
            continue
        if len(fields) not in [2, 3]:
            fail("packages.lock: bad line: " + line)
        name, version = fields[0], fields[1]
        upstream = version.rpartition("-")[0]
        prefix = fields[2] if len(fields) == 3 else (upstream + "-" if upstream else version)
        locked.append(struct(name = name, version = version, prefix = prefix))
    return locked

def _check_versions(rctx, locked):
    level = rctx.os.environ.get("DEBIAN_LOCK", "warn")
    if level not in ["warn", "upstream", "exact"]:
        fail("DEBIAN_LOCK must be warn, upstream or exact, not " + level)

    # dpkg-query fails where one package is unknown and still prints the others.
    names = [p.name for p in locked]
    query = rctx.execute(["dpkg-query", "-W", "-f=${Package} ${Version} ${db:Status-Abbrev}\n"] + names)
    installed = {}
    for line in query.stdout.split("\n"):
        fields = line.split(" ")
        if len(fields) >= 3 and fields[2].startswith("ii"):
            installed[fields[0]] = fields[1]

    missing = [n for n in names if n not in installed]
    if missing:
        fail("Debian packages are not installed; run: apt-get install --no-install-recommends " + " ".join(missing))
    differ = []
    for p in locked:
        have = installed[p.name]
        if have != p.version and (level == "exact" or not have.startswith(p.prefix)):
            differ.append("  %s: locked %s, installed %s" % (p.name, p.version, have))
    if differ:
        message = "\n".join(
            ["packages differ from third_party/debian/packages.lock:"] + differ +
            ["If that is meant, renew the lock: tools/debian_lock"],
        )
        if level != "warn":
            fail(message)

        # buildifier: disable=print
        print("WARNING: " + message)

def _debian_repository_impl(rctx):
    arch = _run(rctx, ["dpkg", "--print-architecture"]).strip()
    if arch not in _TRIPLES:
        fail("unsupported architecture: " + arch)
    triple = _TRIPLES[arch]
    _check_versions(rctx, _parse_lock(rctx.read(rctx.path(rctx.attr.lock))))
    for path in _PATHS:
        path = path.replace("{triple}", triple)
        rctx.symlink("/" + path, "root/" + path)
    for name, path in _TOOLS.items():
        rctx.symlink(path, "bin/" + name)
    rctx.template("BUILD.bazel", rctx.attr.build_file, {"{triple}": triple}, executable = False)

debian_repository = repository_rule(
    implementation = _debian_repository_impl,
    local = True,  # looked at again whenever the Bazel server starts
    configure = True,
    environ = ["DEBIAN_LOCK"],
    attrs = {
        "build_file": attr.label(mandatory = True, allow_single_file = True),
        "lock": attr.label(mandatory = True, allow_single_file = True),
    },
)
