// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// The few words our tests need beyond gtest's own.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/result.h"

// Fails, and ASSERT ends the test, unless the Result or Status is a success.
#define ASSERT_OK(...) BPFTUNE_CHECK_OK(ASSERT_TRUE, (__VA_ARGS__))
#define EXPECT_OK(...) BPFTUNE_CHECK_OK(EXPECT_TRUE, (__VA_ARGS__))
#define BPFTUNE_CHECK_OK(check, expression)                                \
  do {                                                                     \
    const auto& bpftune_result = expression;                               \
    check(bpftune_result.has_value()) << bpftune_result.error().message(); \
  } while (false)

// Ends the test unless the Result is a success, whose value it moves to a new variable:
//   ASSERT_OK_AND_ASSIGN(Host client, Host::Create("client"));
#define ASSERT_OK_AND_ASSIGN(declaration, ...) \
  BPFTUNE_ASSIGN(BPFTUNE_CONCAT(bpftune_result_, __LINE__), declaration, (__VA_ARGS__))
// A name and a declaration cannot be in parentheses, and the expression already is.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define BPFTUNE_ASSIGN(result, declaration, expression)        \
  auto result = expression;                                    \
  ASSERT_TRUE(result.has_value()) << result.error().message(); \
  declaration = std::move(*result)
// NOLINTEND(bugprone-macro-parentheses)
#define BPFTUNE_CONCAT(a, b) BPFTUNE_CONCAT_EXPANDED(a, b)
#define BPFTUNE_CONCAT_EXPANDED(a, b) a##b

namespace bpftune::testing {

// What may be missing, for ASSERT_OK_AND_ASSIGN:
//   ASSERT_OK_AND_ASSIGN(Line line, Found(daemon.WaitForLine("change", 10s)));
template <typename T>
Result<T> Found(std::optional<T> what) {
  if (!what) return Error("there is none");
  return *std::move(what);
}

// Calls `condition` every 10 ms until it holds or the time is up; the last answer. For states that
// nobody announces.
bool EventuallyTrue(const std::function<bool()>& condition, std::chrono::milliseconds timeout);

// "4096 131072 1310720" as numbers; empty when anything in it is not one.
std::vector<int64_t> ParseVector(const std::string& text);

}  // namespace bpftune::testing
