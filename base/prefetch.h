// Asks for the cache line of an address; nothing but time depends on it.
#pragma once

namespace cowlab {

inline void prefetch(const void* p) {
    __builtin_prefetch(p);
    // g++ 12 takes a function that only prefetches for one without effect, and drops calls of it.
    asm volatile("" :::);
}

}  // namespace cowlab
