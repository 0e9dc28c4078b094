// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Text for people: aligned columns, and colours where the reader is a terminal. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "controller/log.h"  // Harmless()

namespace bpftune::ctl {

enum class Colour { kPlain, kGood, kWarning, kBad, kDim, kBold };

// How it is shown.
struct Style {
  bool colours = false;
  int64_t now_s = 0;  // for "3 min ago"
};

std::string Coloured(const std::string& text, Colour colour, const Style& style);

struct Cell {
  Cell(std::string words, Colour c = Colour::kPlain)  // NOLINT: implicit by design
      : text(std::move(words)), colour(c) {}
  Cell(const char* words) : text(words) {}  // NOLINT: implicit by design

  std::string text;  // control characters in it are shown as '?'
  Colour colour = Colour::kPlain;
};

class Table {
 public:
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}

  // As many cells as heads.
  void Add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  std::string Text(const Style& style) const;

 private:
  std::vector<std::string> heads_;
  std::vector<std::vector<Cell>> rows_;
};

// Two columns, what and which, without a head.
class Facts {
 public:
  void Add(const std::string& what, Cell which) { facts_.push_back({what, std::move(which)}); }
  std::string Text(const Style& style) const;

 private:
  struct Fact {
    std::string what;
    Cell which;
  };
  std::vector<Fact> facts_;
};

// "just now", "45 s ago", "3 min ago", "5 h ago", "2 days ago"; "never" where there is no time.
std::string Ago(int64_t when_s, const Style& style);

// Seconds since 1970 -> "2026-11-30T19:31:20Z", and back (-1: it is none).
std::string TimeText(int64_t when_s);
int64_t ParseTime(const std::string& text);

}  // namespace bpftune::ctl
