// Two containers that keep everything they own in an arena: a growable array, and a map from a
// 64-bit key to a small number.
//
// The model lives in memory that is saved and restored by copying it; the standard containers would
// put parts of themselves on the heap. Neither container has a destructor: release() gives the
// memory back, and a reset of the arena forgets it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/arena.h"
#include "base/check.h"
#include "base/prng.h"

namespace cowlab::model {

template <class T>
class GrowArray {
  public:
    std::uint32_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](std::uint32_t i) { return data_[i]; }
    const T& operator[](std::uint32_t i) const { return data_[i]; }
    T* begin() { return data_; }
    T* end() { return data_ + size_; }
    const T* begin() const { return data_; }
    const T* end() const { return data_ + size_; }

    T& push_back(Arena& arena, const T& value) {
        static_assert(std::is_trivially_copyable_v<T>, "elements are moved by copying bytes");
        if (size_ == capacity_) grow(arena);
        return data_[size_++] = value;
    }
    void truncate(std::uint32_t size) { size_ = size; }
    void release(Arena& arena) {
        arena.free(data_, std::size_t{capacity_} * sizeof(T));
        *this = {};
    }

  private:
    void grow(Arena& arena) {
        const std::uint32_t capacity = capacity_ == 0 ? 4 : capacity_ * 2;
        auto* data = static_cast<T*>(arena.allocate(std::size_t{capacity} * sizeof(T)));
        CHECK(data != nullptr, "the world's arena has room for the model");
        if (size_ != 0) std::memcpy(data, data_, std::size_t{size_} * sizeof(T));
        arena.free(data_, std::size_t{capacity_} * sizeof(T));
        data_ = data;
        capacity_ = capacity;
    }

    T* data_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t capacity_ = 0;
};

// Key to number, open addressing; no removal, no iteration (so no order of it can be seen).
class NumberMap {
  public:
    static constexpr std::uint32_t none = ~std::uint32_t{0};

    std::uint32_t find(std::uint64_t key) const {
        if (slots_ == nullptr) return none;
        return slots_[slot_of(key)].number;
    }
    // REQUIRES: the key is not there; number is not `none`.
    void add(Arena& arena, std::uint64_t key, std::uint32_t number) {
        if ((used_ + 1) * 4 > std::uint64_t{capacity_} * 3) grow(arena);
        slots_[slot_of(key)] = {key, number};
        ++used_;
    }
    void release(Arena& arena) {
        arena.free(slots_, std::size_t{capacity_} * sizeof(Slot));
        *this = {};
    }

  private:
    struct Slot {
        std::uint64_t key;
        std::uint32_t number;
    };
    // The slot that holds the key, or the free one where it would go.
    std::uint32_t slot_of(std::uint64_t key) const {
        auto i = static_cast<std::uint32_t>(mix64(key)) & (capacity_ - 1);
        while (slots_[i].number != none && slots_[i].key != key) i = (i + 1) & (capacity_ - 1);
        return i;
    }
    void grow(Arena& arena) {
        const NumberMap before = *this;
        capacity_ = capacity_ == 0 ? 8 : capacity_ * 2;
        slots_ = static_cast<Slot*>(arena.allocate(std::size_t{capacity_} * sizeof(Slot)));
        CHECK(slots_ != nullptr, "the world's arena has room for the model");
        for (std::uint32_t i = 0; i < capacity_; ++i) slots_[i] = {0, none};
        for (std::uint32_t i = 0; i < before.capacity_; ++i) {
            const Slot& s = before.slots_[i];
            if (s.number != none) slots_[slot_of(s.key)] = s;
        }
        arena.free(before.slots_, std::size_t{before.capacity_} * sizeof(Slot));
    }

    Slot* slots_ = nullptr;
    std::uint32_t capacity_ = 0;
    std::uint32_t used_ = 0;
};

}  // namespace cowlab::model
