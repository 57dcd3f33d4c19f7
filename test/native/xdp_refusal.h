// Makes a system call fail for a while, as with low memory.
#pragma once

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <thread>

namespace turnpike::test {

// System calls with this number and this value in the lower word of one argument.
struct RefusedCall {
  uint32_t number;
  uint32_t argument;
  uint32_t value;
};

// Runs `body` in a new thread, in which such calls fail with ENOMEM. The thread is in the caller's
// namespace.
inline void WhileRefused(const RefusedCall& call, const std::function<void()>& body) {
  std::thread([&call, &body] {
    // On little-endian machines, which XDP requires, the lower word is first.
    const uint32_t argument =
        static_cast<uint32_t>(offsetof(seccomp_data, args)) + 8 * call.argument;
    sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call.value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{sizeof(instructions) / sizeof(instructions[0]), instructions};
    EXPECT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    EXPECT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0), 0);
    body();
  }).join();
}

}  // namespace turnpike::test
