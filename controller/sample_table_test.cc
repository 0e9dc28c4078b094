// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/sample_table.h"

#include <gtest/gtest.h>

#include <ostream>

namespace bpftune {
namespace {

using Numbers = std::vector<uint64_t>;

struct FieldRow {
  const char* field;
  const char* map;  // null: the field is refused
  int base;
  const char* prefix;
};

TEST(TableFormTest, IsAMapABaseAndPerhapsAPrefix) {
  const FieldRow rows[] = {
      {"softnet 16", "softnet", 16, ""},
      {"times 10 cpu", "times", 10, "cpu"},
      {"softnet", nullptr, 0, ""},
      {"softnet 8", nullptr, 0, ""},
      {"softnet hex", nullptr, 0, ""},
      {"times 10 cpu x", nullptr, 0, ""},
      {"", nullptr, 0, ""},
  };
  for (const FieldRow& row : rows) {
    const auto form = TableForm::Parse(row.field);
    ASSERT_EQ(row.map != nullptr, form.has_value()) << row.field;
    if (!form) continue;
    EXPECT_EQ(row.map, form->map);
    EXPECT_EQ(row.base, form->base);
    EXPECT_EQ(row.prefix, form->prefix);
  }
}

constexpr char kStat[] =
    "cpu  30 3 3\n"
    "cpu0 10 1 1\n"
    "cpu2 20 2 2\n"
    "cpuidle 7 7 7\n"
    "intr 99 0 0\n";

struct Row {
  const char* what;
  TableForm form;
  const char* text;
  size_t most_lines;
  Numbers numbers;  // in two columns

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.what; }
};

class ParseTableTest : public ::testing::TestWithParam<Row> {};

TEST_P(ParseTableTest, TakesTheLinesOfNumbers) {
  const Row& row = GetParam();
  EXPECT_EQ(row.numbers, ParseTable(row.form, row.text, 2, row.most_lines)) << row.what;
}

const TableForm kPlain = {.map = "m", .base = 16, .prefix = ""};
const TableForm kPrefixed = {.map = "m", .base = 10, .prefix = "cpu"};

INSTANTIATE_TEST_SUITE_P(
    Tables, ParseTableTest,
    ::testing::Values(
        Row{"hexadecimal", kPlain, "0000000a 00000001 0\nff 0 0\n", 8, Numbers{10, 1, 255, 0}},
        Row{"no line end", kPlain, "a 1", 8, Numbers{10, 1}},
        Row{"a line that is too short", kPlain, "a\nb 2\n", 8, Numbers{10, 0, 11, 2}},
        Row{"names above it", kPlain, "entries  allocs\n1 2\n", 8, Numbers{1, 2}},
        Row{"more lines than there is room for", kPlain, "1 1\n2 2\n3 3\n", 2, Numbers{1, 1, 2, 2}},
        Row{"what is no number ends a line", kPlain, "1 x 3\n", 8, Numbers{1, 0}},
        Row{"too large a number", kPlain, "10000000000000000 2\n", 8, Numbers{}},
        Row{"at the key of its name", kPrefixed, kStat, 8, Numbers{10, 1, 0, 0, 20, 2}},
        Row{"a key beyond the map", kPrefixed, kStat, 2, Numbers{10, 1}},
        Row{"the largest key there is", kPrefixed, "cpu18446744073709551615 1 1\n", 8, Numbers{}},
        Row{"empty", kPlain, "", 8, Numbers{}}));

}  // namespace
}  // namespace bpftune
