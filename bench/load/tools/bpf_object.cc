#include "bpf_object.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <net/if.h>

#include <cstring>
#include <vector>

#include "arguments.h"

namespace bench {

BpfObject::BpfObject(const std::string& path)
    : object_(bpf_object__open_file(path.c_str(), nullptr)) {
  if (object_ == nullptr) FailSystem("cannot open " + path);
}

BpfObject::~BpfObject() { bpf_object__close(object_); }

void BpfObject::SetConstantBytes(const std::string& name, const void* value, size_t bytes) {
  bpf_map* map = bpf_object__find_map_by_name(object_, ".rodata");
  size_t map_bytes = 0;
  // Changes a copy, because some versions of libbpf return a const pointer.
  const auto* initial = static_cast<const uint8_t*>(bpf_map__initial_value(map, &map_bytes));
  const btf* types = bpf_object__btf(object_);
  const int section_id = btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  const btf_type* section = section_id < 0 ? nullptr : btf__type_by_id(types, section_id);
  if (initial == nullptr || section == nullptr) Fail("the BPF object has no constants");
  std::vector<uint8_t> memory(initial, initial + map_bytes);
  const btf_var_secinfo* variables = btf_var_secinfos(section);
  for (int i = 0; i < btf_vlen(section); ++i) {
    const btf_type* variable = btf__type_by_id(types, variables[i].type);
    if (name != btf__name_by_offset(types, variable->name_off)) continue;
    if (variables[i].size != bytes) Fail("constant " + name + " has another size");
    std::memcpy(&memory[variables[i].offset], value, bytes);
    if (bpf_map__set_initial_value(map, memory.data(), map_bytes) == 0) return;
    FailSystem("cannot set constant " + name);
  }
  Fail("the BPF object has no constant " + name);
}

void BpfObject::Load(const std::string& name) {
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object_) {
    const bool wanted = name == bpf_program__name(each);
    bpf_program__set_autoload(each, wanted);
    if (wanted) program_ = each;
  }
  if (program_ == nullptr) Fail("the BPF object has no program " + name);
  if (bpf_object__load(object_) != 0) FailSystem("the kernel refuses program " + name);
}

int BpfObject::MapFd(const std::string& name) const {
  const int fd = bpf_object__find_map_fd_by_name(object_, name.c_str());
  if (fd < 0) Fail("the BPF object has no map " + name);
  return fd;
}

void AttachXdp(const BpfObject& object, const std::string& interface) {
  const bpf_link* link = bpf_program__attach_xdp(object.program(), InterfaceIndex(interface));
  if (link == nullptr) FailSystem("cannot attach to " + interface);
}

int InterfaceIndex(const std::string& interface) {
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) FailSystem("no interface " + interface);
  return static_cast<int>(index);
}

}  // namespace bench
