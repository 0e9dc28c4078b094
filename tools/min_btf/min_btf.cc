// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note

// min_btf KERNEL DIRECTORY OBJECT...: writes DIRECTORY/RELEASE.btf, which is what `bpftune --btf
// DIRECTORY` needs of that kernel to load these objects where /sys/kernel/btf is missing: the types
// they read (bpftool gen min_core_btf), and the numbers of those they attach to
// (controller/kernel_types.h). A few kilobytes instead of five megabytes.
//
// KERNEL is an uncompressed vmlinux, as tools/vm keeps it, which need not be booted for that; or
// /sys/kernel/btf/vmlinux of the kernel that runs.

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controller/bpf_handles.h"
#include "controller/kernel_targets.h"
#include "controller/log.h"
#include "controller/result.h"

namespace bpftune {
namespace {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};
using BtfPtr = std::unique_ptr<btf, FreeBtf>;

Result<BtfPtr> Parse(const std::string& path) {
  BtfPtr types(btf__parse(path.c_str(), nullptr));
  if (!types) return Error::FromErrno("reading the types in '" + path + "'");
  return types;
}

// The line that names a kernel, with its build; it is in the image. Types alone have none: they are
// those of the kernel that runs.
Result<std::string> BannerOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string image(std::istreambuf_iterator<char>(in), {});
  // Beside the line itself, "... #1 SMP ...", the image has the format for it, and since 6.1 a
  // draft without the number of the build.
  for (size_t at = image.find(kBannerStart); at != image.npos;
       at = image.find(kBannerStart, at + 1)) {
    const std::string line = image.substr(at, image.find('\n', at) - at);
    const size_t build = line.find(" #");
    if (build != line.npos && line.find('\0') == line.npos && std::isdigit(line[build + 2]))
      return line;
  }
  return RunningBanner();
}

// "Linux version RELEASE (...": the third word.
std::string ReleaseOf(const std::string& banner) {
  const size_t start = kBannerStart.size();
  return banner.substr(start, banner.find(' ', start) - start);
}

Status Run(std::vector<std::string> words) {
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    execvp(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return Error::FromErrno("running bpftool");
  if (status != 0) return Error("bpftool (package bpftool) has failed");
  return Ok();
}

// What the programs of an object attach to, by their sections.
Status CollectTargets(const std::string& object_path, const btf* kernel,
                      std::set<std::pair<std::string, uint32_t>>* out) {
  auto object = OpenObject(object_path);
  if (!object) return object.error();
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object->get()) {
    const std::string section = bpf_program__section_name(program);
    const auto target = FindTarget(kernel, section);
    if (target) out->insert({section, *target});  // else this kernel has no such thing
  }
  return Ok();
}

Status Make(const std::string& kernel_path, const std::string& directory,
            const std::vector<std::string>& objects) {
  const auto banner = BannerOf(kernel_path);
  if (!banner) return banner.error();
  const std::string out = directory + "/" + ReleaseOf(*banner) + ".btf";
  auto kernel = Parse(kernel_path);
  if (!kernel) return kernel.error();
  std::set<std::pair<std::string, uint32_t>> targets;
  std::vector<std::string> words = {"bpftool", "gen", "min_core_btf", kernel_path, out};
  for (const std::string& object : objects) {
    if (auto read = CollectTargets(object, kernel->get(), &targets); !read) return read;
    words.push_back(object);
  }
  if (auto made = Run(words); !made) return made;
  auto types = Parse(out);
  if (!types) return types.error();
  int err = btf__add_enum(types->get(), banner->c_str(), sizeof(uint32_t));
  for (auto target = targets.begin(); err >= 0 && target != targets.end(); ++target) {
    err = btf__add_enum_value(types->get(), target->first.c_str(), target->second);
  }
  if (err < 0) return Error(err, "adding what programs attach to");
  __u32 size = 0;
  const auto* bytes = static_cast<const char*>(btf__raw_data(types->get(), &size));
  std::ofstream file(out, std::ios::binary);
  if (!bytes || !file.write(bytes, size).flush()) return Error("'" + out + "' cannot be written");
  std::printf("%s: %u bytes, %zu targets\n", out.c_str(), size, targets.size());
  return Ok();
}

}  // namespace
}  // namespace bpftune

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("min_btf KERNEL DIRECTORY OBJECT...\n", stderr);
    return 2;
  }
  bpftune::CaptureLibbpfMessages();
  const auto made = bpftune::Make(argv[1], argv[2], {argv + 3, argv + argc});
  if (!made) std::fprintf(stderr, "min_btf: %s\n", made.error().message().c_str());
  return made ? 0 : 1;
}
