#pragma once

#include <pthread.h>
#include <signal.h>

#include "base/status.h"

namespace turnpike {

// Starts a thread that runs `Run` of an object, which outlives it. The thread blocks all signals,
// so that the main thread handles them.
template <typename Object, void (Object::*Run)()>
Status StartThread(const char* name, Object* object, pthread_t* thread) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const auto run = [](void* of) -> void* {
    (static_cast<Object*>(of)->*Run)();
    return nullptr;
  };
  const int error = pthread_create(thread, nullptr, run, object);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return Status::System("cannot start a thread", error);
  pthread_setname_np(*thread, name);
  return {};
}

}  // namespace turnpike
