// What a run is found to be. Plain data, so that it can live in a world's memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

#include "scenarios/scenario.h"

namespace cowlab {

struct Verdict {
    bool failed = false;
    char word[32] = {};  // visibility, durability, structure, containment, liveness, check, …
    std::uint32_t invariant = 0;  // n of INV-n; 0: none
    std::uint64_t step = 0;       // the step at which it was seen, from 0
    char text[240] = {};
    std::uint32_t muted = 0;  // bit n: nobody listens to oracle_names[n]

    // Only the first failure counts.
    void fail(std::string_view what, std::uint32_t inv, std::uint64_t at_step,
              std::string_view why) {
        if (failed || is_muted(what)) return;
        failed = true;
        invariant = inv;
        step = at_step;
        copy(word, sizeof word, what);
        copy(text, sizeof text, why);
    }
    // The same kind of failure, wherever it was seen.
    bool is_like(const Verdict& o) const {
        return failed == o.failed && invariant == o.invariant && std::strcmp(word, o.word) == 0;
    }

    void mute(std::string_view what) {
        for (std::size_t i = 0; i < std::size(oracle_names); ++i) {
            if (oracle_names[i] == what) muted |= 1u << i;
        }
    }

  private:
    bool is_muted(std::string_view what) const {
        for (std::size_t i = 0; muted != 0 && i < std::size(oracle_names); ++i) {
            if (oracle_names[i] == what) return (muted >> i & 1) != 0;
        }
        return false;
    }
    static void copy(char* to, std::size_t size, std::string_view from) {
        const std::size_t n = from.size() < size - 1 ? from.size() : size - 1;
        std::memcpy(to, from.data(), n);
        to[n] = 0;
    }
};

}  // namespace cowlab
