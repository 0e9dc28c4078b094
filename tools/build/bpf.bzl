# SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
"""BPF rules: bpf_library (headers) and bpf_object (NAME.bpf.o).

    bpf_library(name = "state", hdrs = ["state.bpf.h"], deps = [":kernel"])
    bpf_object(name = "probe", srcs = ["probe.bpf.c"], deps = [":state", ":request_abi"])

`deps` takes bpf_library and, for headers that user space shares, cc_library. A tuner is
made with tuner() from tuner.bzl instead of bpf_object().
"""

BpfHeadersInfo = provider(
    doc = "Headers that BPF C may include.",
    fields = {"hdrs": "depset of header files, transitive"},
)

_TOOLCHAIN = "//tools/build/toolchains:bpf_toolchain_type"

_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

_DEPS = attr.label_list(providers = [[BpfHeadersInfo], [CcInfo]])

def _headers(deps, hdrs = []):
    return depset(
        hdrs,
        transitive = [d[BpfHeadersInfo].hdrs for d in deps if BpfHeadersInfo in d] +
                     [d[CcInfo].compilation_context.headers for d in deps if CcInfo in d],
    )

def _bpf_library_impl(ctx):
    return [
        BpfHeadersInfo(hdrs = _headers(ctx.attr.deps, ctx.files.hdrs)),
        DefaultInfo(files = depset(ctx.files.hdrs)),
    ]

bpf_library = rule(
    implementation = _bpf_library_impl,
    doc = "Headers for BPF programs only; C++ targets cannot depend on it.",
    attrs = {
        "deps": _DEPS,
        "hdrs": attr.label_list(allow_files = [".h"]),
    },
)

def _compile(ctx, tc, src, hdrs):
    out = ctx.actions.declare_file("_bpf/%s/%s.o" % (ctx.label.name, src.basename[:-len(".c")]))
    args = ctx.actions.args()
    args.add_all(["-target", "bpf", "-g", "-O2"])
    args.add_all(tc.copts)
    args.add_all(ctx.attr.copts)

    # No __TARGET_ARCH_x: objects are the same for every architecture, so the macros of
    # bpf_tracing.h that depend on one are refused. Registers are read by flavour.

    # Nothing of the host's /usr/include, not even clang's own headers: kernel types
    # come from declared headers.
    args.add("-nostdinc")

    # Paths in BTF relative to the execution root: the same sources give the same bytes
    # in any folder. clang still finds the file, so the source lines that make the
    # verifier's log readable stay in BTF.
    args.add("-fdebug-compilation-dir=.")
    args.add("-iquote", ".")
    args.add("-iquote", ctx.bin_dir.path)
    args.add("-isystem", tc.include)
    args.add_all(ctx.attr.defines, format_each = "-D%s")
    args.add("-c", src)
    args.add("-o", out)
    ctx.actions.run(
        mnemonic = "BpfCompile",
        progress_message = "Compiling BPF %s" % src.short_path,
        executable = tc.clang,
        arguments = [args],
        inputs = depset([src], transitive = [hdrs, tc.hdrs]),
        outputs = [out],
        env = _ENV,
    )
    return out

# Links, then refuses an object that a silent mistake left empty: a BPF build that fails
# quietly is worse than one that fails. libbpf's linker drops DWARF and keeps BTF, so
# there is nothing left to strip.
_LINK = """
bpftool="$1" readelf="$2" label="$3" section="$4" out="$5"
shift 5
"$bpftool" gen object "$out" "$@" || exit
refuse() { echo "$label: $out has $1" >&2; rm -f "$out"; exit 1; }
sections=$("$readelf" --wide --sections "$out" | sed 's/^ *\\[ *[0-9]*\\] *//') || exit
# Columns: name, type, address, offset, size, entry size, flags.
echo "$sections" | awk '$1 != ".text" && $2 == "PROGBITS" && $5 !~ /^0+$/ && $7 ~ /X/ { found = 1 }
  END { exit !found }' || refuse "no program in it"
test -z "$section" ||
  echo "$sections" | awk -v name="$section" '$1 == name && $5 !~ /^0+$/ { found = 1 } END { exit !found }' ||
  refuse "no section $section: a tuner describes itself with TUNER_DEFINE"
"""

def _bpf_object_impl(ctx):
    tc = ctx.toolchains[_TOOLCHAIN].bpf
    hdrs = _headers(ctx.attr.deps)
    parts = [_compile(ctx, tc, src, hdrs) for src in ctx.files.srcs]

    out = ctx.actions.declare_file(ctx.label.name + ".bpf.o")
    args = ctx.actions.args()
    args.add_all([tc.bpftool.executable, tc.readelf.executable])
    args.add_all([str(ctx.label), ctx.attr.required_section, out])
    args.add_all(parts)
    ctx.actions.run_shell(
        mnemonic = "BpfLink",
        progress_message = "Linking BPF %s" % out.short_path,
        command = _LINK,
        tools = [tc.bpftool, tc.readelf],
        arguments = [args],
        inputs = parts,
        outputs = [out],
        env = _ENV,
    )
    return [DefaultInfo(files = depset([out]), runfiles = ctx.runfiles([out]))]

bpf_object = rule(
    implementation = _bpf_object_impl,
    doc = "Compiles BPF C and links it with `bpftool gen object` into NAME.bpf.o.",
    attrs = {
        "copts": attr.string_list(),
        "defines": attr.string_list(),
        "deps": _DEPS,
        "required_section": attr.string(doc = "A section without which the build fails."),
        "srcs": attr.label_list(mandatory = True, allow_empty = False, allow_files = [".bpf.c"]),
    },
    toolchains = [_TOOLCHAIN],
)
