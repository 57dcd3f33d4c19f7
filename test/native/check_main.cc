#include <atomic>
#include <cstring>

#include "check.h"

namespace turnpike::test {

namespace {
std::atomic<int> failures{0};
}

Test*& Tests() {
  static Test* tests = nullptr;
  return tests;
}

void Fail(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  ++failures;
}

}  // namespace turnpike::test

// Runs the tests of the files whose path contains the argument, or all.
int main(int argc, char** argv) {
  const char* wanted = argc > 1 ? argv[1] : "";
  int ran = 0;
  for (turnpike::test::Test* test = turnpike::test::Tests(); test != nullptr; test = test->next) {
    if (std::strstr(test->file, wanted) == nullptr) continue;
    std::printf("%s\n", test->name);
    test->run();
    ++ran;
  }
  if (ran == 0) std::fprintf(stderr, "no test matches %s\n", wanted);
  return ran > 0 && turnpike::test::failures == 0 ? 0 : 1;
}
