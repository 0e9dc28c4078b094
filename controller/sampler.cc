// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/sampler.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <sstream>

#include "bpf/common/state_abi.h"
#include "controller/event_sources.h"
#include "controller/unique_fd.h"

namespace bpftune {
namespace {

// The largest of these files is schedstat: about 1 KiB a CPU.
constexpr size_t kMostBytes = size_t{1024} * 1024;
constexpr size_t kReadBytes = size_t{16} * 1024;

std::optional<uint64_t> Number(const std::string& text) {
  uint64_t value = 0;
  const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (err != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> Words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

// "TCP: inuse 4 orphan 0 mem 1", field "TCP mem"; "MemFree: 1 kB", field "MemFree" and no name
std::optional<uint64_t> FindKeyed(std::istringstream lines, const std::string& group,
                                  const std::string& name) {
  for (std::string line; std::getline(lines, line);) {
    const auto words = Words(line);
    if (words.empty() || words[0] != group + ":") continue;
    if (name.empty()) return words.size() > 1 ? Number(words[1]) : std::nullopt;
    for (size_t i = 1; i + 1 < words.size(); i += 2) {
      if (words[i] == name) return Number(words[i + 1]);
    }
  }
  return std::nullopt;
}

// A line of names and one of numbers, both beginning with the group: /proc/net/netstat, snmp.
std::optional<uint64_t> FindPaired(std::istringstream lines, const std::string& group,
                                   const std::string& name) {
  for (std::string line; std::getline(lines, line);) {
    const auto names = Words(line);
    if (names.empty() || names[0] != group + ":" || !std::getline(lines, line)) continue;
    const auto numbers = Words(line);
    for (size_t i = 1; i < names.size() && i < numbers.size(); ++i) {
      if (names[i] == name) return Number(numbers[i]);
    }
  }
  return std::nullopt;
}

// A name and a number in each line: /proc/net/snmp6.
std::optional<uint64_t> FindListed(std::istringstream lines, const std::string& name) {
  for (std::string line; std::getline(lines, line);) {
    const auto words = Words(line);
    if (words.size() == 2 && words[0] == name) return Number(words[1]);
  }
  return std::nullopt;
}

std::optional<std::string> ReadFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text(kReadBytes, '\0');
  size_t length = 0;
  for (ssize_t n; length < kMostBytes &&
                  (n = read(fd.get(), text.data() + length, text.size() - length)) > 0;) {
    length += static_cast<size_t>(n);
    if (length == text.size()) text.resize(2 * length);
  }
  text.resize(length);
  return text;
}

}  // namespace

std::optional<uint64_t> FindSample(tuner_sample_kind kind, const std::string& text,
                                   const std::string& field) {
  if (kind == SAMPLE_SYSCTL) {
    const auto index = Number(field);
    const auto words = Words(text);
    if (!index || *index >= words.size()) return std::nullopt;
    return Number(words[*index]);
  }
  const auto parts = Words(field);
  if (kind == SAMPLE_KEYED && parts.size() == 1)
    return FindKeyed(std::istringstream(text), parts[0], "");
  if (kind == SAMPLE_LISTED && parts.size() == 1)
    return FindListed(std::istringstream(text), parts[0]);
  if (parts.size() != 2) return std::nullopt;
  switch (kind) {
    case SAMPLE_KEYED:
      return FindKeyed(std::istringstream(text), parts[0], parts[1]);
    case SAMPLE_PAIRED:
      return FindPaired(std::istringstream(text), parts[0], parts[1]);
    case SAMPLE_SYSCTL:
    case SAMPLE_LISTED:
    case SAMPLE_TABLE:
      break;
  }
  return std::nullopt;
}

void Sampler::Add(uint16_t tuner, const Description& description,
                  const std::function<int(const std::string&)>& map_of) {
  for (uint32_t row = 0; row < description.samples.size(); ++row) {
    const Sample& sample = description.samples[row];
    Entry entry = {.tuner = tuner,
                   .row = row,
                   .sample = sample,
                   .path = sample.kind == SAMPLE_SYSCTL ? "/proc/sys/" + SysctlPath(sample.source)
                                                        : sample.source,
                   .table = {}};
    if (auto form = TableForm::Parse(sample.field); form && sample.kind == SAMPLE_TABLE) {
      const int map_fd = map_of(form->map);
      auto table = SampleTable::Open(std::move(*form), map_fd);
      if (!table) continue;  // its map is there: the description was checked
      entry.table = std::move(*table);
    }
    entries_.push_back(std::move(entry));
  }
}

void Sampler::Remove(uint16_t tuner) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.tuner == tuner; });
}

void Sampler::Store(Entry& entry, const std::optional<std::string>& text) {
  if (entry.table) {
    if (text) entry.table->Write(*text);
    return;
  }
  const auto value = text ? FindSample(entry.sample.kind, *text, entry.sample.field) : std::nullopt;
  const sample cell = {.value = value.value_or(0), .valid = value ? 1U : 0U};
  const uint32_t key = entry.tuner * uint32_t{TUNER_MAX_SAMPLES} + entry.row;
  (void)bpf_map_update_elem(map_fd_, &key, &cell, BPF_ANY);  // an array: there is room
}

void Sampler::Refresh(uint16_t tuner, uint64_t now_ns, uint32_t asked_for) {
  for (Entry& entry : entries_) {
    if (entry.tuner != tuner || entry.sample.every_ms == SAMPLE_AT_VISIT || now_ns < entry.due_ns)
      continue;
    if (entry.sample.every_ms == 0 && !(asked_for & (1U << entry.row))) continue;
    entry.due_ns = now_ns + entry.sample.every_ms * kNsPerMs;
    Store(entry, ReadFile(entry.path));
  }
}

void Sampler::RefreshForVisit(uint16_t tuner) {
  const std::string* path = nullptr;
  std::optional<std::string> text;
  for (Entry& entry : entries_) {
    if (entry.tuner != tuner || entry.sample.every_ms != SAMPLE_AT_VISIT) continue;
    // Rows of one file stand together: their numbers are of one moment.
    if (!path || *path != entry.path) text = ReadFile(entry.path);
    path = &entry.path;
    Store(entry, text);
  }
}

}  // namespace bpftune
