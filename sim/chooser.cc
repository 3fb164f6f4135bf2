#include "sim/chooser.h"

#include <cstring>
#include <new>

namespace cowlab {

void Chooser::drive_randomly(std::uint64_t seed, const Swarm& swarm) {
    random_ = true;
    swarm_ = swarm;
    for (std::size_t i = 0; i < choice_kind_count; ++i) streams_[i] = Prng(seed, 100 + i);
}

template <class T>
T* Chooser::grow(T* array, std::uint32_t size, std::uint32_t& capacity) {
    if (size < capacity) return array;
    const std::uint32_t bigger = capacity == 0 ? 16 : capacity * 2;
    auto* fresh = static_cast<T*>(arena_.allocate(bigger * sizeof(T)));
    CHECK(fresh != nullptr, "a world's arena has room for its choices");
    if (size > 0) std::memcpy(static_cast<void*>(fresh), array, size * sizeof(T));
    arena_.free(array, capacity * sizeof(T));
    capacity = bigger;
    return fresh;
}

void Chooser::add_pin(const Pin& pin) {
    pins_ = grow(pins_, pin_count_, pin_capacity_);
    pins_[pin_count_++] = pin;
}

// How often this key came up, this time included.
std::uint32_t Chooser::count(const ChoiceKey& key) {
    const std::uint64_t k = mix64(key.point * 31 + static_cast<std::uint64_t>(key.kind) +
                                  (std::uint64_t{key.actor} << 32)) |
                            1;
    if (counter_count_ * 2 >= counter_capacity_) {
        const std::uint32_t capacity = counter_capacity_ == 0 ? 64 : counter_capacity_ * 2;
        auto* fresh = static_cast<Counter*>(arena_.allocate(capacity * sizeof(Counter)));
        CHECK(fresh != nullptr, "a world's arena has room for its counters");
        for (std::uint32_t i = 0; i < capacity; ++i) fresh[i] = Counter{};
        for (std::uint32_t i = 0; i < counter_capacity_; ++i) {
            if (counters_[i].key == 0) continue;
            std::uint32_t at = static_cast<std::uint32_t>(counters_[i].key >> 1) & (capacity - 1);
            while (fresh[at].key != 0) at = (at + 1) & (capacity - 1);
            fresh[at] = counters_[i];
        }
        arena_.free(counters_, counter_capacity_ * sizeof(Counter));
        counters_ = fresh;
        counter_capacity_ = capacity;
    }
    std::uint32_t at = static_cast<std::uint32_t>(k >> 1) & (counter_capacity_ - 1);
    while (counters_[at].key != 0 && counters_[at].key != k)
        at = (at + 1) & (counter_capacity_ - 1);
    if (counters_[at].key == 0) {
        counters_[at].key = k;
        ++counter_count_;
    }
    return ++counters_[at].count;
}

std::uint32_t Chooser::draw(const ChoiceKey& key, std::uint32_t n) {
    Prng& rng = streams_[static_cast<std::size_t>(key.kind)];
    std::uint32_t choice = 0;
    switch (key.kind) {
        case ChoiceKind::latency:
            if (swarm_.latency_max_us == 0) return 0;
            choice = static_cast<std::uint32_t>(rng.below(swarm_.latency_max_us + 1));
            if (rng.chance(swarm_.slow)) {
                choice += static_cast<std::uint32_t>(rng.below(swarm_.slow_max_us + 1));
            }
            break;
        case ChoiceKind::yield:
            if (swarm_.yield_max_us == 0) return 0;
            choice = static_cast<std::uint32_t>(rng.below(swarm_.yield_max_us + 1));
            break;
        case ChoiceKind::fault:
            // Drawn also while faults are off: switching them off moves nothing else.
            if (rng.chance(swarm_.fault)) choice = rng.chance(swarm_.fault_written) ? 2 : 1;
            if (!faults_allowed_) choice = 0;
            break;
        case ChoiceKind::survive:
            if (rng.chance(swarm_.survive))
                choice = 1 + static_cast<std::uint32_t>(rng.below(n - 1));
            break;
    }
    return choice < n ? choice : n - 1;
}

std::uint32_t Chooser::choose(const ChoiceKey& key, std::uint32_t n) {
    ++draws_;
    if (n == 1) return 0;
    // Counted from the start of the world, whether anybody is interested yet or not: a pin that is
    // added later, or taken away, must not change what another one means.
    const std::uint32_t nth = count(key);
    std::uint32_t choice = random_ ? draw(key, n) : 0;
    for (std::uint32_t i = 0; i < pin_count_; ++i) {
        if (pins_[i].key == key && pins_[i].nth == nth) {
            choice = pins_[i].choice < n ? pins_[i].choice : n - 1;
            ++pins_met_;
            break;
        }
    }
    if (choice != 0) {
        taken_ = grow(taken_, taken_count_, taken_capacity_);
        taken_[taken_count_++] = {key, nth, choice};
    }
    return choice;
}

}  // namespace cowlab
