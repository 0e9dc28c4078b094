# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""Reproducible packages with the tools that Debian has: GNU tar, dpkg-deb, rpmbuild.

Whatever else a build is for, what a package carries is built as --config=release does.
"""

load("//tools/build:version.bzl", "RELEASED", "VERSION")

_ENV = {
    "LC_ALL": "C",
    "PATH": "/usr/bin:/bin:/usr/sbin",
    "SOURCE_DATE_EPOCH": RELEASED,
    "TZ": "UTC",
}

# As build:release in .bazelrc.
_COPTS = [
    "-g0",
    "-Os",
    "-fstack-protector-strong",
    "-U_FORTIFY_SOURCE",
    "-D_FORTIFY_SOURCE=2",
]
_LINKOPTS = [
    "-Wl,--as-needed",
    "-l:libstdc++.a",
    "-static-libgcc",
    "-Wl,-z,relro,-z,now",
    "-Wl,--strip-all",
]

def _with(flags, more):
    return flags + [flag for flag in more if flag not in flags]

def _release_impl(settings, _attr):
    return {
        "//command_line_option:compilation_mode": "opt",
        "//command_line_option:copt": _with(settings["//command_line_option:copt"], _COPTS),
        "//command_line_option:linkopt": _with(settings["//command_line_option:linkopt"], _LINKOPTS),
        "//command_line_option:strip": "always",
    }

_release = transition(
    implementation = _release_impl,
    inputs = [
        "//command_line_option:copt",
        "//command_line_option:linkopt",
    ],
    outputs = [
        "//command_line_option:compilation_mode",
        "//command_line_option:copt",
        "//command_line_option:linkopt",
        "//command_line_option:strip",
    ],
)

FileTreeInfo = provider("What a package puts where.", fields = {"tar": "the tree as a .tar"})

def _manifest_lines(files, destination):
    """MODE SOURCE DESTINATION, with tabs."""
    path, _, mode = destination.partition(":")
    keeps_names = path.endswith("/")
    if len(files) != 1 and not keeps_names:
        fail("%s: for several files a folder is needed, ending in /" % path)
    return [
        "%s\t%s\t%s" % (mode or "0644", file.path, (path + file.basename if keeps_names else path).lstrip("/"))
        for file in files
    ]

def _file_tree_impl(ctx):
    lines = []
    inputs = []
    for attribute in [ctx.attr.programs, ctx.attr.files]:
        for target, destinations in attribute.items():
            files = target[DefaultInfo].files.to_list()
            inputs += files
            for destination in destinations.split(" "):
                lines += _manifest_lines(files, destination)
    manifest = ctx.actions.declare_file(ctx.label.name + ".manifest")
    ctx.actions.write(manifest, "\n".join(sorted(lines)) + "\n")
    tar = ctx.actions.declare_file(ctx.label.name + ".tar")
    ctx.actions.run(
        mnemonic = "FileTree",
        executable = ctx.executable._make_tree,
        arguments = [manifest.path, tar.path],
        inputs = inputs + [manifest],
        outputs = [tar],
        env = _ENV,
    )
    return [DefaultInfo(files = depset([tar]), runfiles = ctx.runfiles([tar])), FileTreeInfo(tar = tar)]

file_tree = rule(
    doc = "A tree of files, as root installs it. A destination is PATH[:MODE]; one that ends in / keeps names; several: with blanks.",
    implementation = _file_tree_impl,
    attrs = {
        "files": attr.label_keyed_string_dict(allow_files = True),
        "programs": attr.label_keyed_string_dict(cfg = _release),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_make_tree": attr.label(
            default = "//packaging:make_tree",
            cfg = "exec",
            executable = True,
        ),
    },
)

# By the kind of package: the name of its file, and what it calls an architecture.
_KINDS = {
    "deb": ("bpftune_%s_%s.deb", {"aarch64": "arm64", "k8": "amd64"}),
    "rpm": ("bpftune-%s-1.%s.rpm", {"aarch64": "aarch64", "k8": "x86_64"}),
}

def _linux_package_impl(ctx):
    name, architectures = _KINDS[ctx.attr.kind]
    architecture = architectures[ctx.var["TARGET_CPU"]]
    out = ctx.actions.declare_file(name % (VERSION, architecture))
    tar = ctx.attr.tree[FileTreeInfo].tar
    ctx.actions.run(
        mnemonic = "LinuxPackage",
        executable = ctx.executable.make,
        arguments = [tar.path, ctx.file.control.path, VERSION, architecture, out.path] +
                    [file.path for file in ctx.files.scripts],
        inputs = [tar, ctx.file.control] + ctx.files.scripts,
        outputs = [out],
        env = _ENV,
    )
    return [DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))]

linux_package = rule(
    implementation = _linux_package_impl,
    attrs = {
        "control": attr.label(mandatory = True, allow_single_file = True, doc = "or the spec"),
        "kind": attr.string(mandatory = True, values = _KINDS.keys()),
        "make": attr.label(mandatory = True, cfg = "exec", executable = True),
        "scripts": attr.label_list(allow_files = True, doc = "named as dpkg has them: postinst ..."),
        "tree": attr.label(mandatory = True, providers = [FileTreeInfo]),
    },
)
