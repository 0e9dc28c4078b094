# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""arm64_build(): a target built for arm64 beside others that are built for this machine."""

# As --config=arm64 has them; the tools that a build runs stay this machine's.
_OPTIONS = {
    "//command_line_option:cpu": "aarch64",
    "//command_line_option:crosstool_top": "//tools/build/arm64:crosstool",
    "//command_line_option:host_crosstool_top": "@bazel_tools//tools/cpp:toolchain",
    "//command_line_option:platforms": "//tools/build/arm64:platform",
}

def _for_arm64_impl(_settings, _attr):
    return _OPTIONS

_for_arm64 = transition(
    implementation = _for_arm64_impl,
    inputs = [],
    outputs = _OPTIONS.keys(),
)

def _arm64_build_impl(ctx):
    target = ctx.attr.target[0]
    return [DefaultInfo(
        files = target[DefaultInfo].files,
        runfiles = ctx.runfiles().merge(target[DefaultInfo].default_runfiles),
    )]

arm64_build = rule(
    implementation = _arm64_build_impl,
    doc = "The files of the target and what it needs to run, as built for arm64.",
    attrs = {
        "target": attr.label(mandatory = True, cfg = _for_arm64),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
