// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#include "controller/values.h"

#include <gtest/gtest.h>

#include <ostream>

#include "controller/fakes/sample_tuner.h"

namespace bpftune {
namespace {

struct Text {
  const char* what;
  std::string text;
  std::optional<Values> values;

  friend void PrintTo(const Text& row, std::ostream* out) { *out << row.what; }
};

class ParseValuesTest : public ::testing::TestWithParam<Text> {};

TEST_P(ParseValuesTest, TakesNumbersBetweenBlanksAndNothingElse) {
  EXPECT_EQ(GetParam().values, Values::Parse(GetParam().text)) << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(
    Texts, ParseValuesTest,
    ::testing::Values(
        Text{"as the kernel shows three", "4096\t131072\t6291456\n", Three(4096, 131072, 6291456)},
        Text{"one", "1000\n", One(1000)}, Text{"no line end", "1000", One(1000)},
        Text{"blanks around", "  1  2 ", Two(1, 2)}, Text{"negative", "-1\n", One(-1)},
        Text{"the largest", "9223372036854775807\n", One(INT64_MAX)},
        Text{"what stands for a number not said", "-9223372036854775808\n", std::nullopt},
        Text{"too large", "9223372036854775808\n", std::nullopt}, Text{"nothing", "", std::nullopt},
        Text{"blanks only", " \n", std::nullopt}, Text{"four", "1 2 3 4", std::nullopt},
        Text{"a word", "cubic\n", std::nullopt},
        Text{"a word behind a number", "1 cubic", std::nullopt},
        Text{"a range, such as local_reserved_ports", "8080-8090", std::nullopt},
        Text{"glued", "1-2", std::nullopt}, Text{"a unit", "4k", std::nullopt},
        Text{"commas", "1,2", std::nullopt}, Text{"hexadecimal", "0x10", std::nullopt},
        Text{"a zero byte", std::string("1\0002", 3), std::nullopt}));

TEST(ValuesTest, TextIsWhatIsWritten) {
  EXPECT_EQ("4096 131072 6291456", Three(4096, 131072, 6291456).Text());
  EXPECT_EQ("-1", One(-1).Text());
  EXPECT_EQ("", Values{}.Text());
}

TEST(ValuesTest, NumbersOfARequestAreTakenAsFarAsThereAreAny) {
  const __s64 numbers[TUNER_MAX_VALUES] = {1, 2, 3};
  EXPECT_EQ(One(1), Values::Of(numbers, 1)) << "what is behind does not count";
  EXPECT_EQ(Three(1, 2, 3), Values::Of(numbers, 3));
  EXPECT_EQ(Three(1, 2, 3), Values::Of(numbers, 4000)) << "a damaged count reads no further";
}

TEST(ValuesTest, StartsWithComparesAsManyAsTheOtherHas) {
  EXPECT_TRUE(Three(1, 2, 3).StartsWith(Two(1, 2)));
  EXPECT_TRUE(Three(1, 2, 3).StartsWith(Values{}));
  EXPECT_FALSE(Three(1, 2, 3).StartsWith(Two(1, 3)));
  EXPECT_FALSE(Two(1, 2).StartsWith(Three(1, 2, 0)));
}

TEST(ValuesTest, NumberThatIsNotSaidComparesWithAny) {
  const Values one = Three(VALUE_UNSAID, 2, VALUE_UNSAID);
  EXPECT_TRUE(Three(1, 2, 3).StartsWith(one));
  EXPECT_TRUE(one.StartsWith(Three(1, 2, 3)));
  EXPECT_FALSE(Three(1, 3, 3).StartsWith(one));
  EXPECT_EQ("* 2 *", one.Text());
}

}  // namespace
}  // namespace bpftune
