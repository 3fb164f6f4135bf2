// An array in the world's arena that grows by need: a small world is saved and restored a million
// times, and what it keeps of the largest world that could be would be copied each time. The owner
// counts the elements; they move when it grows.
#pragma once

#include <cstring>
#include <type_traits>

#include "base/arena.h"

namespace cowlab {

template <class T>
class Growing {
  public:
    static_assert(std::is_trivially_copyable_v<T>, "elements are moved by copying bytes");
    T& operator[](std::uint32_t i) { return items_[i]; }
    const T& operator[](std::uint32_t i) const { return items_[i]; }
    // For one more than `count`. False: there is no memory.
    bool make_room(Arena& arena, std::uint32_t count) {
        if (count < capacity_) return true;
        const std::uint32_t capacity = capacity_ == 0 ? 8 : capacity_ * 2;
        auto* items = static_cast<T*>(arena.allocate(capacity * sizeof(T)));
        if (items == nullptr) return false;
        if (count > 0) std::memcpy(static_cast<void*>(items), items_, count * sizeof(T));
        arena.free(items_, capacity_ * sizeof(T));
        items_ = items;
        capacity_ = capacity;
        return true;
    }

  private:
    T* items_ = nullptr;
    std::uint32_t capacity_ = 0;
};

}  // namespace cowlab
