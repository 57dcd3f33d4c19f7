// Dumps of kernel configuration and notifications of changes, for any netlink protocol
// (netlink(7)).
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace turnpike {

// A sequence of netlink attributes.
struct Attributes {
  const uint8_t* data = nullptr;
  size_t length = 0;

  // Calls visit(type, payload) for each attribute.
  template <typename Visit>
  void ForEach(const Visit& visit) const {
    size_t offset = 0;
    while (length - offset >= NLA_HDRLEN) {
      nlattr head;
      std::memcpy(&head, data + offset, sizeof(head));
      if (head.nla_len < NLA_HDRLEN || head.nla_len > length - offset) return;
      visit(head.nla_type & NLA_TYPE_MASK,
            Attributes{data + offset + NLA_HDRLEN, head.nla_len - size_t{NLA_HDRLEN}});
      const size_t step = NLA_ALIGN(head.nla_len);
      if (step > length - offset) return;
      offset += step;
    }
  }
  // Returns the payload of the first attribute of a type; absent if there is none.
  Attributes Find(int type) const {
    Attributes found;
    ForEach([&](int each, const Attributes& payload) {
      if (each == type && found.data == nullptr) found = payload;
    });
    return found;
  }
  bool present() const { return data != nullptr; }
  // The payload as a 32-bit number in network order; 0 if it is shorter.
  uint32_t Be32() const {
    if (length < 4) return 0;
    return uint32_t{data[0]} << 24 | uint32_t{data[1]} << 16 | uint32_t{data[2]} << 8 | data[3];
  }
  // The payload as a 32-bit number in host order; 0 if it is shorter.
  uint32_t Word() const {
    uint32_t word = 0;
    if (length >= sizeof(word)) std::memcpy(&word, data, sizeof(word));
    return word;
  }
  // The payload as text without the terminating zero.
  std::string Text() const {
    const auto* text = reinterpret_cast<const char*>(data);
    return data == nullptr ? std::string() : std::string(text, strnlen(text, length));
  }
};

// Returns the attributes of a message that follow a body of `body_bytes` bytes.
inline Attributes AttributesOf(const nlmsghdr* header, size_t body_bytes) {
  const size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(body_bytes);
  if (header->nlmsg_len < head) return Attributes{};
  return Attributes{reinterpret_cast<const uint8_t*>(header) + head, header->nlmsg_len - head};
}

enum class DumpResult {
  kOk,
  // The kernel lacks this subsystem.
  kAbsent,
  // The kernel refuses to list it, or the list changed during every attempt.
  kRefused,
};

// Sockets of one netlink protocol. Not thread-safe.
class NetlinkDump {
 public:
  NetlinkDump() = default;
  ~NetlinkDump();
  NetlinkDump(const NetlinkDump&) = delete;
  NetlinkDump& operator=(const NetlinkDump&) = delete;

  // Opens the sockets of a NETLINK_* protocol. A kernel without the protocol is no error.
  void Open(int protocol, const std::vector<uint32_t>& groups);
  // Enables strict checking, so that the kernel filters dumps by the request's fields where it
  // supports that.
  void FilterLists();
  // Readable when a notification waits; negative if unused.
  int events_fd() const { return events_; }
  // Reads all waiting notifications. Returns whether there was any.
  bool TakeNews();

  // Requests a dump by a message of `type` with a body. `begin` is called before each attempt, and
  // `visit` for each message. An attempt during which the list changed is repeated.
  DumpResult List(uint16_t type, const void* body, size_t body_bytes,
                  const std::function<void()>& begin,
                  const std::function<void(const nlmsghdr*)>& visit);
  // Sends a request for a single response.
  DumpResult Ask(uint16_t type, const void* body, size_t body_bytes,
                 const std::function<void(const nlmsghdr*)>& visit);

 private:
  enum class Reading { kDone, kInterrupted, kAbsent, kRefused };

  bool Send(uint16_t type, uint16_t flags, const void* body, size_t body_bytes);
  Reading Read(bool list, const std::function<void(const nlmsghdr*)>& visit);

  int requests_ = -1;
  int events_ = -1;
  uint32_t serial_ = 0;
};

}  // namespace turnpike
