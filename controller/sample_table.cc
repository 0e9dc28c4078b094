// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/sample_table.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <utility>

namespace bpftune {
namespace {

// The next word of a line, which is cut off it; empty at its end.
std::string_view TakeWord(std::string_view* line) {
  const size_t begin = std::min(line->find_first_not_of(" \t"), line->size());
  const size_t end = std::min(line->find_first_of(" \t", begin), line->size());
  const std::string_view word = line->substr(begin, end - begin);
  line->remove_prefix(end);
  return word;
}

std::optional<uint64_t> Number(std::string_view word, int base) {
  uint64_t value = 0;
  const char* last = word.data() + word.size();
  const auto [end, err] = std::from_chars(word.data(), last, value, base);
  if (err != std::errc{} || end != last) return std::nullopt;
  return value;
}

}  // namespace

std::optional<TableForm> TableForm::Parse(const std::string& field) {
  TableForm out;
  std::string more;
  std::istringstream words(field);
  if (!(words >> out.map >> out.base) || (out.base != 10 && out.base != 16)) return std::nullopt;
  words >> out.prefix;
  if (words >> more) return std::nullopt;
  return out;
}

std::vector<uint64_t> ParseTable(const TableForm& form, std::string_view text, size_t columns,
                                 size_t most_lines) {
  std::vector<uint64_t> out;
  size_t next = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    size_t key = next;
    if (!form.prefix.empty()) {
      std::string_view name = TakeWord(&line);
      if (!name.starts_with(form.prefix)) continue;
      name.remove_prefix(form.prefix.size());
      const auto number = Number(name, 10);
      if (!number) continue;
      key = *number;
    }
    auto value = Number(TakeWord(&line), form.base);
    if (!value || key >= most_lines) continue;
    next = key + 1;
    if (out.size() < next * columns) out.resize(next * columns);
    for (size_t column = 0; column < columns; ++column) {
      if (!value) break;
      out[key * columns + column] = *value;
      value = Number(TakeWord(&line), form.base);
    }
  }
  return out;
}

Result<SampleTable> SampleTable::Open(TableForm form, int map_fd) {
  bpf_map_info info = {};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(map_fd, &info, &size) != 0) {
    return Error::FromErrno("asking about the map '" + form.map + "'");
  }
  SampleTable out;
  out.form_ = std::move(form);
  out.map_fd_ = map_fd;
  out.columns_ = info.value_size / sizeof(uint64_t);
  out.most_lines_ = info.max_entries;
  return out;
}

void SampleTable::Write(std::string_view text) {
  std::vector<uint64_t> read = ParseTable(form_, text, columns_, most_lines_);
  written_.resize(std::max(written_.size(), read.size()));
  read.resize(written_.size());
  for (uint32_t key = 0; key < read.size() / columns_; ++key) {
    const uint64_t* line = &read[key * columns_];
    if (std::equal(line, line + columns_, &written_[key * columns_])) continue;
    (void)bpf_map_update_elem(map_fd_, &key, line, BPF_ANY);  // an array: there is room
  }
  written_ = std::move(read);
}

}  // namespace bpftune
