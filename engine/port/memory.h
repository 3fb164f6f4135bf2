// The engine's memory. Everything an engine owns comes from here, so that a world can be copied,
// limited, and asked what it costs.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "base/check.h"

namespace cowlab {

// What an allocation is for: an allocation failure is injected by this name.
enum class MemoryUse : unsigned char {
    request,  // pieces of a request on their way (a pool: waits in a kernel, never fails)
    device,   // mapped devices, tables
    target,   // a target's own structure
    store,    // an exception store and its buffers
    exception_table,
    completed_exception,  // one entry at the end of a copy
    pending_exception,
    copy_job,
    origin,  // the registry's entry of an origin
    count_,
};

class Memory {
  public:
    // nullptr when the limit is reached or a failure was asked for: an error to handle.
    virtual void* allocate(std::size_t size, MemoryUse use) = 0;
    // For what a kernel takes from a reserve: never fails.
    virtual void* allocate_reserved(std::size_t size, MemoryUse use) = 0;
    virtual void free(void* block, std::size_t size, MemoryUse use) = 0;
    // True if `bytes` more could be had now (a request that is larger than the machine fails at
    // once).
    virtual bool could_hold(std::size_t bytes) const = 0;

    template <class T, class... Args>
    T* create(MemoryUse use, Args&&... args) {
        void* p = allocate(sizeof(T), use);
        return p == nullptr ? nullptr : new (p) T(std::forward<Args>(args)...);
    }
    template <class T, class... Args>
    T* create_reserved(MemoryUse use, Args&&... args) {
        return new (allocate_reserved(sizeof(T), use)) T(std::forward<Args>(args)...);
    }
    // REQUIRES: T is the type that was created (not a base of it).
    template <class T>
    void destroy(T* object, MemoryUse use) {
        if (object == nullptr) return;
        object->~T();
        free(object, sizeof(T), use);
    }

  protected:
    ~Memory() = default;
};

}  // namespace cowlab
