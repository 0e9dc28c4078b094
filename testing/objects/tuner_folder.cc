// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "testing/objects/tuner_folder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "bpf/common/tuner_abi.h"

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

Result<std::string> WithStrategiesJudgedAfter(std::string object, uint32_t seconds) {
  // The section lies in the file as it does in the kernel, and begins with the magic.
  const uint64_t magic = TUNER_MAGIC;
  const size_t begin =
      object.find(std::string(reinterpret_cast<const char*>(&magic), sizeof(magic)));
  tuner_header header = {};
  if (begin == std::string::npos || object.size() - begin < sizeof(header)) {
    return Error("the object has no description");
  }
  std::memcpy(&header, object.data() + begin, sizeof(header));
  const tuner_table& table = header.strategies;
  const size_t end = table.offset + size_t{table.record_size} * table.count;
  if (table.count == 0 || object.size() - begin < end) {
    return Error("the object has no strategies");
  }
  for (size_t row = 0; row < table.count; ++row) {
    const size_t at = begin + table.offset + row * table.record_size;
    std::memcpy(object.data() + at + offsetof(tuner_strategy, seconds), &seconds, sizeof(seconds));
  }
  return object;
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
