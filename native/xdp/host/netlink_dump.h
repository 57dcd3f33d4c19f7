// Lists of the kernel's configuration, and news that one has changed, for any of netlink's
// protocols (netlink(7)).
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

namespace turnpike {

// Attributes one behind the other, as netlink lays them.
struct Attributes {
  const uint8_t* data = nullptr;
  size_t length = 0;

  // Calls visit(type, payload) for each.
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
  // The payload of the first one of a type; without data if there is none.
  Attributes Find(int type) const {
    Attributes found;
    ForEach([&](int each, const Attributes& payload) {
      if (each == type && found.data == nullptr) found = payload;
    });
    return found;
  }
  bool present() const { return data != nullptr; }
  // As a number of so many bytes in network order; 0 if it is shorter.
  uint32_t Be32() const {
    if (length < 4) return 0;
    return uint32_t{data[0]} << 24 | uint32_t{data[1]} << 16 | uint32_t{data[2]} << 8 | data[3];
  }
  // In the host's order.
  uint32_t Word() const {
    uint32_t word = 0;
    if (length >= sizeof(word)) std::memcpy(&word, data, sizeof(word));
    return word;
  }
  // As text without its end.
  std::string Text() const {
    const auto* text = reinterpret_cast<const char*>(data);
    return data == nullptr ? std::string() : std::string(text, strnlen(text, length));
  }
};

// The attributes of a message behind a body of so many bytes.
inline Attributes AttributesOf(const nlmsghdr* header, size_t body_bytes) {
  const size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(body_bytes);
  if (header->nlmsg_len < head) return Attributes{};
  return Attributes{reinterpret_cast<const uint8_t*>(header) + head, header->nlmsg_len - head};
}

enum class DumpResult {
  kOk,
  // The kernel has no such thing.
  kAbsent,
  // It has, and does not tell; or the list changed under every reading of it.
  kRefused,
};

// One protocol. One thread at a time.
class NetlinkDump {
 public:
  NetlinkDump() = default;
  ~NetlinkDump();
  NetlinkDump(const NetlinkDump&) = delete;
  NetlinkDump& operator=(const NetlinkDump&) = delete;

  // Opens sockets of a NETLINK_* protocol; a kernel without it is no failure.
  void Open(int protocol, const std::vector<uint32_t>& groups);
  // Has the kernel leave out of its lists what a question does not name, where it can.
  void FilterLists();
  // Readable when there is news, or negative.
  int events_fd() const { return events_; }
  // Takes what news there is; whether there was some.
  bool TakeNews();

  // Asks for a list: a message of `type` with a body. `visit` sees the messages of one undisturbed
  // reading; `begin` is called before each reading.
  DumpResult List(uint16_t type, const void* body, size_t body_bytes,
                  const std::function<void()>& begin,
                  const std::function<void(const nlmsghdr*)>& visit);
  // Asks for one answer.
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
