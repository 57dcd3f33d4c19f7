// Loads the bench's BPF objects. Every function exits with a reason if the kernel refuses.
#pragma once

#include <bpf/libbpf.h>

#include <cstddef>
#include <string>

namespace bench {

class BpfObject {
 public:
  // Opens the object file. Constants can be set until `Load`.
  explicit BpfObject(const std::string& path);
  ~BpfObject();

  // Sets a `const volatile` variable of the program.
  template <typename Value>
  void SetConstant(const std::string& name, const Value& value) {
    SetConstantBytes(name, &value, sizeof(value));
  }

  // Loads the named program only.
  void Load(const std::string& program);

  bpf_program* program() const { return program_; }
  int program_fd() const { return bpf_program__fd(program_); }
  int MapFd(const std::string& name) const;

 private:
  void SetConstantBytes(const std::string& name, const void* value, size_t bytes);

  bpf_object* object_;
  bpf_program* program_ = nullptr;
};

// Attaches an XDP program in native mode. It is detached when the process ends.
void AttachXdp(const BpfObject& object, const std::string& interface);

// Returns the interface's index. Exits if the interface does not exist.
int InterfaceIndex(const std::string& interface);

}  // namespace bench
