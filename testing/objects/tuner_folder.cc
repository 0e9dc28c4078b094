// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/objects/tuner_folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace bpftune::testing {

Result<std::string> ReadObject(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error::FromErrno("reading '" + path + "'");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<TunerFolder> TunerFolder::Create(const std::vector<std::string>& objects,
                                        const std::string& parent) {
  std::string path = parent + "/tunersXXXXXX";
  if (!mkdtemp(path.data())) return Error::FromErrno("making the folder '" + path + "'");
  TunerFolder folder(path);
  for (const std::string& object : objects) {
    auto bytes = ReadObject(object);
    if (!bytes) return bytes.error();
    auto added = folder.Add(std::filesystem::path(object).filename(), *bytes);
    if (!added) return added.error();
  }
  return folder;
}

TunerFolder::~TunerFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Status TunerFolder::Add(const std::string& name, const std::string& bytes) const {
  std::ofstream out(path_ + "/" + name, std::ios::binary);
  out << bytes << std::flush;
  if (!out) return Error("writing '" + path_ + "/" + name + "'");
  return Ok();
}

}  // namespace bpftune::testing
