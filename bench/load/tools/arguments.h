// Arguments of the rig's programs: words of the form name=value, each known and given once.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bench {

// Ends the program with one line on stderr.
[[noreturn]] void Fail(const std::string& message);

// Ends the program with one line that names the failed call and errno's meaning.
[[noreturn]] void FailSystem(const std::string& call);

class Arguments {
 public:
  Arguments(int argc, char** argv);

  // The value of `name`. Ends the program when it is missing and there is no default.
  std::string Text(const std::string& name);
  std::string Text(const std::string& name, const std::string& fallback);
  uint64_t Number(const std::string& name);
  uint64_t Number(const std::string& name, uint64_t fallback);
  double Real(const std::string& name, double fallback);
  // A list of numbers separated by commas, at least one.
  std::vector<uint32_t> Numbers(const std::string& name, const std::string& fallback);
  // An IPv4 address and port, "a.b.c.d:port".
  sockaddr_in Address(const std::string& name);
  // Bytes in hex; ends the program unless there are `count`.
  std::vector<uint8_t> Bytes(const std::string& name, size_t count);

  // Ends the program if a word was given that nothing asked for: a typo must not go unnoticed.
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
