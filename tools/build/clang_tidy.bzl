# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""clang-tidy over every first-party C++ target:

    bazel build --config=lint //...
"""

def _clang_tidy_impl(target, ctx):
    if target.label.workspace_name or CcInfo not in target:
        return []
    if ctx.rule.kind not in ["cc_library", "cc_binary", "cc_test"]:
        return []
    srcs = [f for f in getattr(ctx.rule.files, "srcs", []) if f.is_source and f.extension in ["cc", "cpp"]]
    if not srcs:
        return []
    cc = target[CcInfo].compilation_context

    # The analyzer takes most of the time, and in tests it is GoogleTest's macros that it
    # analyzes; they run under the sanitizers instead. Nor does the check of optionals
    # know that ASSERT_TRUE ends a test; one file took it eight minutes.
    checks = "-clang-analyzer-*,-bugprone-unchecked-optional-access" if ctx.rule.attr.testonly else ""
    outs = []
    for src in srcs:
        out = ctx.actions.declare_file("_tidy/%s/%s.ok" % (ctx.label.name, src.basename))
        args = ctx.actions.args()
        args.add(out)
        args.add(ctx.file._tidy)
        args.add("--quiet")
        args.add(ctx.file._config, format = "--config-file=%s")
        args.add(checks, format = "--checks=%s")  # on top of the file's
        args.add(src)
        args.add("--")
        args.add_all(["-xc++", "-std=c++20", "-Wall", "-Wextra", "-Wshadow", "-Wnon-virtual-dtor", "-Wold-style-cast"])
        args.add_all(cc.defines, format_each = "-D%s")
        args.add_all(cc.quote_includes, before_each = "-iquote")
        args.add_all(cc.includes, before_each = "-I")
        args.add_all(cc.system_includes, before_each = "-isystem")
        ctx.actions.run_shell(
            mnemonic = "ClangTidy",
            progress_message = "clang-tidy %s" % src.short_path,
            inputs = depset([src, ctx.file._config, ctx.file._tidy], transitive = [cc.headers]),
            outputs = [out],
            arguments = [args],
            command = 'o="$1"; shift; "$@" 2>"$o.err" && touch "$o" || { cat "$o.err" >&2; exit 1; }',
            env = {"PATH": "/usr/bin:/bin"},
        )
        outs.append(out)
    return [OutputGroupInfo(clang_tidy = depset(outs))]

clang_tidy_aspect = aspect(
    implementation = _clang_tidy_impl,
    attrs = {
        "_config": attr.label(default = "//:.clang-tidy", allow_single_file = True),
        "_tidy": attr.label(default = "@debian//:bin/clang-tidy", allow_single_file = True),
    },
)
