// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "tools/bpftunectl/table.h"

#include <algorithm>
#include <ctime>

namespace bpftune::ctl {
namespace {

constexpr size_t kGap = 2;

const char* CodeOf(Colour colour) {
  switch (colour) {
    case Colour::kPlain:
      return "";
    case Colour::kGood:
      return "\033[32m";
    case Colour::kWarning:
      return "\033[33m";
    case Colour::kBad:
      return "\033[31m";
    case Colour::kDim:
      return "\033[2m";
    case Colour::kBold:
      return "\033[1m";
  }
  return "";
}

// Characters, not bytes: those that go on are 10xxxxxx.
size_t WidthOf(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

// The last column is not filled up.
void AddCell(const Cell& cell, size_t width, bool is_last, const Style& style, std::string* out) {
  const std::string text = Harmless(cell.text);
  out->append(Coloured(text, cell.colour, style));
  if (!is_last) out->append(width - WidthOf(text) + kGap, ' ');
}

}  // namespace

std::string Coloured(const std::string& text, Colour colour, const Style& style) {
  if (!style.colours || colour == Colour::kPlain || text.empty()) return text;
  return CodeOf(colour) + text + "\033[0m";
}

std::string Table::Text(const Style& style) const {
  std::vector<size_t> widths;
  for (size_t column = 0; column < heads_.size(); ++column) {
    size_t width = WidthOf(heads_[column]);
    for (const auto& row : rows_) width = std::max(width, WidthOf(Harmless(row[column].text)));
    widths.push_back(width);
  }
  std::string out;
  for (size_t column = 0; column < heads_.size(); ++column) {
    AddCell({heads_[column], Colour::kBold}, widths[column], column + 1 == heads_.size(), style,
            &out);
  }
  out += '\n';
  for (const auto& row : rows_) {
    for (size_t column = 0; column < row.size(); ++column) {
      AddCell(row[column], widths[column], column + 1 == row.size(), style, &out);
    }
    out += '\n';
  }
  return out;
}

std::string Facts::Text(const Style& style) const {
  size_t width = 0;
  for (const Fact& fact : facts_) width = std::max(width, WidthOf(fact.what));
  std::string out;
  for (const Fact& fact : facts_) {
    AddCell({fact.what, Colour::kBold}, width, false, style, &out);
    AddCell(fact.which, 0, true, style, &out);
    out += '\n';
  }
  return out;
}

std::string Ago(int64_t when_s, const Style& style) {
  if (when_s <= 0) return "never";
  const int64_t past = style.now_s - when_s;
  if (past < 2) return "just now";
  if (past < 120) return std::to_string(past) + " s ago";
  constexpr int64_t kHour = 3600, kDay = 24 * kHour;
  if (past < 2 * kHour) return std::to_string(past / 60) + " min ago";
  if (past < 2 * kDay) return std::to_string(past / kHour) + " h ago";
  return std::to_string(past / kDay) + " days ago";
}

std::string TimeText(int64_t when_s) {
  const time_t time = when_s;
  tm parts = {};
  if (!gmtime_r(&time, &parts)) return "";
  char text[32];
  return std::string(text, strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

int64_t ParseTime(const std::string& text) {
  tm parts = {};
  const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return end && *end == '\0' ? timegm(&parts) : -1;
}

}  // namespace bpftune::ctl
