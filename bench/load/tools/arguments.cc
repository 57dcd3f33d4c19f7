#include "arguments.h"

#include <arpa/inet.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

void Fail(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  std::exit(1);
}

void FailSystem(const std::string& call) { Fail(call + ": " + std::strerror(errno)); }

Arguments::Arguments(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const size_t equals = word.find('=');
    if (equals == std::string::npos) Fail("expected name=value, got " + word);
    values_[word.substr(0, equals)] = Value{word.substr(equals + 1)};
  }
}

const std::string* Arguments::Find(const std::string& name) {
  const auto found = values_.find(name);
  if (found == values_.end()) return nullptr;
  found->second.used = true;
  return &found->second.text;
}

std::string Arguments::Text(const std::string& name) {
  const std::string* text = Find(name);
  if (text == nullptr) Fail("missing " + name + "=…");
  return *text;
}

std::string Arguments::Text(const std::string& name, const std::string& fallback) {
  const std::string* text = Find(name);
  return text == nullptr ? fallback : *text;
}

uint64_t Arguments::Number(const std::string& name) {
  const std::string text = Text(name);
  char* end = nullptr;
  const uint64_t number = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') Fail(name + " is not a number: " + text);
  return number;
}

uint64_t Arguments::Number(const std::string& name, uint64_t fallback) {
  return Find(name) == nullptr ? fallback : Number(name);
}

double Arguments::Real(const std::string& name, double fallback) {
  const std::string* text = Find(name);
  return text == nullptr ? fallback : std::strtod(text->c_str(), nullptr);
}

std::vector<uint32_t> Arguments::Numbers(const std::string& name, const std::string& fallback) {
  const std::string text = Text(name, fallback);
  std::vector<uint32_t> numbers;
  for (size_t at = 0; at <= text.size();) {
    size_t comma = text.find(',', at);
    if (comma == std::string::npos) comma = text.size();
    const std::string part = text.substr(at, comma - at);
    char* end = nullptr;
    numbers.push_back(static_cast<uint32_t>(std::strtoul(part.c_str(), &end, 10)));
    if (part.empty() || *end != '\0') Fail(name + " is not a list of numbers: " + text);
    at = comma + 1;
  }
  return numbers;
}

sockaddr_in Arguments::Address(const std::string& name) {
  const std::string text = Text(name);
  const size_t colon = text.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon == std::string::npos ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    Fail(name + " is not an IPv4 address with a port: " + text);
  }
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
  return address;
}

std::vector<uint8_t> Arguments::Bytes(const std::string& name, size_t count) {
  const std::string text = Text(name);
  std::vector<uint8_t> bytes;
  for (size_t at = 0; at + 1 < text.size(); at += 2) {
    bytes.push_back(static_cast<uint8_t>(std::strtoul(text.substr(at, 2).c_str(), nullptr, 16)));
  }
  if (bytes.size() != count) Fail(name + " needs " + std::to_string(count) + " bytes in hex");
  return bytes;
}

void Arguments::CheckAllUsed() const {
  for (const auto& [name, value] : values_) {
    if (!value.used) Fail("unknown argument " + name);
  }
}

}  // namespace bench
