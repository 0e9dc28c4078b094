# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""@rules_cc from Debian's bazel-rules-cc, made loadable for Debian's Bazel 4.2.3.

Debian 12 pairs bazel-rules-cc 0.0.4 (written for Bazel 5 and later) with Bazel
4.2.3, whose @bazel_tools has no use_cpp_toolchain(). Two files are edited in the
copy; with a newer Bazel the edit can go and a plain local_repository will do.
"""

_EDITED = [
    "cc/private/rules_impl/cc_flags_supplier.bzl",
    "cc/private/rules_impl/compiler_flag.bzl",
]

def _debian_rules_cc_impl(rctx):
    src = rctx.path(rctx.attr.path)
    if not src.exists:
        fail("%s is missing: apt-get install bazel-rules-cc" % rctx.attr.path)
    res = rctx.execute(["cp", "-r", rctx.attr.path + "/.", "."])
    if res.return_code != 0:
        fail(res.stderr)
    for f in _EDITED:
        if not rctx.path(f).exists:  # a newer rules_cc
            continue
        text = rctx.read(f)
        text = text.replace(', "use_cpp_toolchain")', ")")
        text = text.replace("use_cpp_toolchain()", '["@bazel_tools//tools/cpp:toolchain_type"]')
        rctx.file(f, text, executable = False)

debian_rules_cc = repository_rule(
    implementation = _debian_rules_cc_impl,
    local = True,
    attrs = {"path": attr.string(default = "/usr/share/bazel/rules/cc")},
)
