#include "sim/chooser.h"

#include <cstring>
#include <new>

namespace cowlab {

void Chooser::drive_randomly(std::uint64_t seed, const Swarm& swarm) {
    driver_ = Driver::random;
    swarm_ = swarm;
    memory_matters_ = memory_matters_ || swarm.no_memory.numerator > 0;
    for (std::size_t i = 0; i < choice_kind_count; ++i) streams_[i] = Prng(seed, 100 + i);
}

void Chooser::drive_all_but_the_schedule(std::uint64_t seed, const Swarm& swarm) {
    drive_randomly(seed, swarm);
    scheduled_ = true;
}

void Chooser::drive_by_bytes(const std::uint8_t* bytes, std::size_t size) {
    driver_ = Driver::bytes;
    bytes_ = bytes;
    input_size_ = size;
    memory_matters_ = true;
}

void Chooser::drive_recorded(const std::uint32_t* choices, std::size_t count) {
    driver_ = Driver::recorded;
    replayed_ = choices;
    input_size_ = count;
    memory_matters_ = true;
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

std::uint32_t Chooser::pin_bit(const ChoiceKey& key, std::uint32_t nth) {
    const std::uint64_t who = std::uint64_t{key.actor} << 8 | static_cast<std::uint64_t>(key.kind);
    return static_cast<std::uint32_t>(mix64(mix64(who) ^ mix64(key.point) ^ nth) % pin_bits);
}

void Chooser::add_pin(const Pin& pin) {
    if (pin_bits_ == nullptr) {
        pin_bits_ = static_cast<std::uint64_t*>(arena_.allocate(pin_bits / 8));
        CHECK(pin_bits_ != nullptr, "a world's arena has room for its pins");
        for (std::uint32_t w = 0; w < pin_bits / 64; ++w) pin_bits_[w] = 0;
    }
    const std::uint32_t bit = pin_bit(pin.key, pin.nth);
    pin_bits_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    pins_ = grow(pins_, pin_count_, pin_capacity_);
    pins_[pin_count_++] = pin;
    memory_matters_ = memory_matters_ || pin.key.kind == ChoiceKind::memory;
    rests_matter_ = rests_matter_ || pin.key.kind == ChoiceKind::rest;
}

std::uint64_t Chooser::hash_of(const ChoiceKey& key) {
    return mix64(key.point * 31 + static_cast<std::uint64_t>(key.kind) +
                 (std::uint64_t{key.actor} << 32)) |
           1;
}

std::uint32_t Chooser::times(const ChoiceKey& key) const {
    if (counter_capacity_ == 0) return 0;
    const std::uint64_t k = hash_of(key);
    std::uint32_t at = static_cast<std::uint32_t>(k >> 1) & (counter_capacity_ - 1);
    while (counters_[at].key != 0 && counters_[at].key != k)
        at = (at + 1) & (counter_capacity_ - 1);
    return counters_[at].key == k ? counters_[at].count : 0;
}

// How often this key came up, this time included.
std::uint32_t Chooser::count(const ChoiceKey& key) {
    const std::uint64_t k = hash_of(key);
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

std::uint32_t Chooser::draw_latency(Prng& rng) {
    if (swarm_.latency_max_us == 0) return 0;
    auto delay = static_cast<std::uint32_t>(rng.below(swarm_.latency_max_us + 1));
    if (rng.chance(swarm_.slow))
        delay += static_cast<std::uint32_t>(rng.below(swarm_.slow_max_us + 1));
    return delay;
}

// Which of the sensible kinds this run knows; what the atlas says of the purpose comes first.
std::uint32_t Chooser::draw_fault(const ChoiceKey& key, std::uint32_t sensible) {
    const bool in_focus = (key.point >> 2) == swarm_.fault_focus;
    const Ratio& often = in_focus ? swarm_.focus_fault : swarm_.fault;
    if (often.numerator == 0) return no_fault;
    Prng& rng = streams_[static_cast<std::size_t>(ChoiceKind::fault)];
    // Drawn also while faults are held back: that moves nothing else.
    if (!rng.chance(often)) return no_fault;
    const std::uint64_t drawn = rng.next();
    const std::uint32_t kinds = swarm_.fault_kinds & sensible & ~1u;
    if (kinds == 0 || held_back_ > 0) return no_fault;
    std::uint64_t which = drawn % static_cast<std::uint64_t>(__builtin_popcount(kinds));
    for (std::uint32_t k = 1;; ++k) {
        if ((kinds >> k & 1) != 0 && which-- == 0) return k;
    }
}

std::uint32_t Chooser::draw_byte(const ChoiceKey& key, std::uint32_t n) {
    if (input_at_ >= input_size_) return 0;
    const std::uint32_t b = bytes_[input_at_++];
    switch (key.kind) {
        case ChoiceKind::latency:
        case ChoiceKind::yield: return b < 64 ? 0 : 1u << (b - 64) / 12;
        case ChoiceKind::fault:
            return b < 240 || held_back_ > 0 ? 0 : 1 + b % (fault_choice_count - 1);
        case ChoiceKind::memory: {
            const bool may = held_back_ == 0 &&
                             allows(FaultKind::no_memory, static_cast<std::uint32_t>(key.point));
            return b >= 250 && may ? 1 : 0;
        }
        case ChoiceKind::survive: return b % n;
        case ChoiceKind::rest: break;
    }
    return 0;
}

std::uint32_t Chooser::draw(const ChoiceKey& key, std::uint32_t n) {
    Prng& rng = streams_[static_cast<std::size_t>(key.kind)];
    switch (key.kind) {
        case ChoiceKind::latency: return scheduled_ ? 0 : draw_latency(rng);
        case ChoiceKind::yield:
            if (scheduled_ || swarm_.yield_max_us == 0) return 0;
            return static_cast<std::uint32_t>(rng.below(swarm_.yield_max_us + 1));
        case ChoiceKind::fault: return draw_fault(key, UINT32_MAX);
        case ChoiceKind::memory: {
            if (swarm_.memory_focus != Swarm::no_focus && swarm_.memory_focus != key.point)
                return 0;
            const bool fails = rng.chance(swarm_.no_memory);
            const bool may = held_back_ == 0 &&
                             allows(FaultKind::no_memory, static_cast<std::uint32_t>(key.point));
            return fails && may ? 1 : 0;
        }
        case ChoiceKind::survive:
            if (!rng.chance(swarm_.survive)) return 0;
            return 1 + static_cast<std::uint32_t>(rng.below(n - 1));
        case ChoiceKind::rest: break;
    }
    return 0;
}

const Pin* Chooser::find_pin(const ChoiceKey& key, std::uint32_t nth) const {
    if (pin_count_ == 0) return nullptr;
    const std::uint32_t bit = pin_bit(key, nth);
    if ((pin_bits_[bit / 64] >> (bit % 64) & 1) == 0) return nullptr;
    for (std::uint32_t i = 0; i < pin_count_; ++i) {
        if (pins_[i].key == key && pins_[i].nth == nth) return &pins_[i];
    }
    return nullptr;
}

std::uint32_t Chooser::pinned(const ChoiceKey& key, std::uint32_t nth, std::uint32_t n) {
    const Pin* pin = find_pin(key, nth);
    if (pin == nullptr || pin->choice == 0) return 0;
    ++pins_met_;
    const std::uint32_t choice = pin->choice < n ? pin->choice : n - 1;
    note_taken({key, nth, choice});
    return choice;
}

// What the driver says, unless a pin says otherwise.
std::uint32_t Chooser::decide(const ChoiceKey& key, std::uint32_t n, std::uint32_t nth,
                              std::uint32_t sensible) {
    std::uint32_t choice = 0;
    switch (driver_) {
        case Driver::fifo: break;
        case Driver::random:
            choice = key.kind == ChoiceKind::fault ? draw_fault(key, sensible) : draw(key, n);
            break;
        case Driver::bytes:
            choice = draw_byte(key, n);
            if (key.kind == ChoiceKind::fault && (sensible >> choice & 1) == 0) choice = 0;
            break;
        case Driver::recorded: choice = input_at_ < input_size_ ? replayed_[input_at_++] : 0; break;
    }
    if (choice >= n) choice = n - 1;
    if (const Pin* pin = find_pin(key, nth); pin != nullptr) {
        choice = pin->choice < n ? pin->choice : n - 1;
        ++pins_met_;
    }
    if (choice != 0) note_taken({key, nth, choice});
    if (recording_) {
        recorded_ = grow(recorded_, recorded_count_, recorded_capacity_);
        recorded_[recorded_count_++] = choice;
    }
    return choice;
}

std::uint32_t Chooser::choose(const ChoiceKey& key, std::uint32_t n) {
    ++draws_;
    if (n == 1) return 0;
    // Counted from the start of the world, whether anybody is interested yet or not: a pin that is
    // added later, or taken away, must not change what another one means.
    const std::uint32_t nth = count(key);
    if (key.kind == ChoiceKind::yield) last_nth_ = nth;
    return decide(key, n, nth, UINT32_MAX);
}

Chooser::RequestFate Chooser::choose_fate(std::uint32_t actor, Purpose purpose, Op op,
                                          std::uint32_t sensible) {
    draws_ += 2;
    const std::uint64_t point =
        static_cast<std::uint64_t>(purpose) << 2 | static_cast<std::uint64_t>(op);
    const ChoiceKey latency{ChoiceKind::latency, actor, point};
    RequestFate fate;
    fate.nth = last_nth_ = count(latency);
    last_key_ = latency;
    fate.delay_us = decide(latency, 1u << 24, fate.nth, UINT32_MAX);
    fate.fault = decide({ChoiceKind::fault, actor, point}, fault_pin_count, fate.nth, sensible);
    return fate;
}

}  // namespace cowlab
