// Stops one thread of this process for a while, as a scheduler does on a busy machine.
#pragma once

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace turnpike::test {

// Another process traces the thread, since no thread can trace one of its own process.
class StoppedThread {
 public:
  // Stops the thread of this name. It must hold no lock that the caller takes meanwhile.
  explicit StoppedThread(const std::string& name) {
    const pid_t thread = Find(name);
    EXPECT_NE(thread, 0) << name;
    int stopped[2];
    EXPECT_EQ(pipe(stopped), 0);
    EXPECT_EQ(pipe(release_), 0);
    // Where only a parent may trace; it fails where that is not restricted.
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
    tracer_ = fork();
    if (tracer_ == 0) {
      close(release_[1]);
      Hold(thread, stopped[1], release_[0]);
    }
    close(stopped[1]);
    close(release_[0]);
    char byte = 0;
    EXPECT_EQ(read(stopped[0], &byte, 1), 1) << "the thread cannot be traced";
    close(stopped[0]);
  }
  // Lets the thread run again.
  ~StoppedThread() {
    close(release_[1]);
    EXPECT_EQ(waitpid(tracer_, nullptr, 0), tracer_);
  }
  StoppedThread(const StoppedThread&) = delete;
  StoppedThread& operator=(const StoppedThread&) = delete;

 private:
  static pid_t Find(const std::string& name) {
    pid_t found = 0;
    DIR* const tasks = opendir("/proc/self/task");
    while (const dirent* entry = readdir(tasks)) {
      std::string each;
      std::getline(std::ifstream(std::string("/proc/self/task/") + entry->d_name + "/comm"), each);
      if (each == name) found = std::atoi(entry->d_name);
    }
    closedir(tasks);
    return found;
  }
  // In the other process: stops the thread until the pipe is closed.
  [[noreturn]] static void Hold(pid_t thread, int stopped, int release) {
    const char byte = 1;
    char none;
    if (ptrace(PTRACE_SEIZE, thread, nullptr, nullptr) == 0 &&
        ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr) == 0 &&
        waitpid(thread, nullptr, __WALL) == thread && write(stopped, &byte, 1) == 1) {
      [[maybe_unused]] const ssize_t end = read(release, &none, 1);
      ptrace(PTRACE_DETACH, thread, nullptr, nullptr);
    }
    _exit(0);
  }

  int release_[2];
  pid_t tracer_ = 0;
};

}  // namespace turnpike::test
