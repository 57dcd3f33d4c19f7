// Command-line arguments of the bench's programs: words of the form name=value. Each name is known
// and is given at most once.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bench {

// Exits with one line on stderr.
[[noreturn]] void Fail(const std::string& message);

// Exits with one line that names the failed call and the meaning of errno.
[[noreturn]] void FailSystem(const std::string& call);

class Arguments {
 public:
  Arguments(int argc, char** argv);

  // Return the value of `name`. Exit if it is missing and has no default.
  std::string Text(const std::string& name);
  std::string Text(const std::string& name, const std::string& fallback);
  uint64_t Number(const std::string& name);
  uint64_t Number(const std::string& name, uint64_t fallback);
  double Real(const std::string& name, double fallback);
  // Returns a comma-separated list of at least one number.
  std::vector<uint32_t> Numbers(const std::string& name, const std::string& fallback);
  // Returns an IPv4 address and port, given as "a.b.c.d:port".
  sockaddr_in Address(const std::string& name);
  // Returns bytes given in hex. Exits unless there are `count`.
  std::vector<uint8_t> Bytes(const std::string& name, size_t count);

  // Exits if a given name was never read, so that a typo is reported.
  void CheckAllUsed() const;

 private:
  const std::string* Find(const std::string& name);

  struct Value {
    std::string text;
    bool used = false;
  };
  std::map<std::string, Value> values_;
};

}  // namespace bench
