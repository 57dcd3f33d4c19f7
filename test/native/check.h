// The tests' own harness: a test is a function in a group named after its file, a failed check
// prints where and goes on, and the process fails if one did.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <type_traits>

namespace turnpike::test {

struct Test {
  const char* file;
  const char* name;
  void (*run)();
  Test* next;
};

// Registered tests, newest first.
Test*& Tests();
// Counts a failure; any thread.
void Fail(const char* file, int line, const std::string& what);

struct Registration {
  Registration(Test* test) {
    test->next = Tests();
    Tests() = test;
  }
};

template <typename T>
std::string Show(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_enum_v<T>) {
    return std::to_string(static_cast<int64_t>(value));
  } else if constexpr (std::is_arithmetic_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::is_convertible_v<T, std::string>) {
    return value;
  } else {
    return "(a value)";
  }
}

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (actual == expected) return;
  Fail(file, line, std::string(text) + " is " + Show(actual) + ", not " + Show(expected));
}

}  // namespace turnpike::test

#define TEST(name)                                                                 \
  static void Test##name();                                                        \
  static ::turnpike::test::Test test_##name{__FILE__, #name, Test##name, nullptr}; \
  static const ::turnpike::test::Registration registration_##name{&test_##name};   \
  static void Test##name()

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) ::turnpike::test::Fail(__FILE__, __LINE__, #condition " is false"); \
  } while (false)

#define CHECK_EQ(actual, expected) \
  ::turnpike::test::CheckEqual(__FILE__, __LINE__, #actual, actual, expected)
