// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
#pragma once

// Result<T>: a value, or an Error that says what we were doing when it failed. Shaped like
// std::expected, so that it can become one when our clang can parse that header.
//
//   Result<UniqueFd> OpenIt(...) {
//     UniqueFd fd(open(...));
//     if (!fd) return Error::FromErrno("opening '" + path + "'");
//     return fd;
//   }
//   auto fd = OpenIt(...);
//   if (!fd) return fd.error().Within("loading tuner 'x'");

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace bpftune {

// A positive errno value (0 where there is none) and one sentence without a full stop. Callers put
// their own view in front with Within(), so the message reads from the outside in.
class [[nodiscard]] Error {
 public:
  Error(int code, std::string message)
      : code_(code < 0 ? -code : code), message_(std::move(message)) {
    if (code_ != 0) message_ += std::string(": ") + Describe(code_);
  }
  explicit Error(std::string message) : Error(0, std::move(message)) {}

  // The current value of errno; call it before anything else can change errno.
  static Error FromErrno(std::string message) { return {errno, std::move(message)}; }

  Error Within(const std::string& context) const {
    Error outer = *this;
    outer.message_ = context + ": " + message_;
    return outer;
  }

  int code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  // ENOTSUPP (524) comes out of the kernel's BPF code, but strerror does not know it.
  static std::string Describe(int code) {
    return code == 524 ? "Operation not supported by this kernel" : std::strerror(code);
  }

  int code_;
  std::string message_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Precondition: has_value(). Anything else is a broken invariant and aborts.
  T& value() {
    if (!has_value()) std::abort();
    return *std::get_if<0>(&state_);
  }
  const T& value() const { return const_cast<Result*>(this)->value(); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !has_value().
  const Error& error() const {
    if (has_value()) std::abort();
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

// Success without a value: `return Ok();`.
using Status = Result<std::monostate>;
inline Status Ok() { return std::monostate{}; }

}  // namespace bpftune
