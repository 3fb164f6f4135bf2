// How large a scenario is to a person: what shrinking makes small, counted apart.
//
// Operations are the lines that act after the set-up: reads, writes, flushes, discards, suspend,
// resume, load, remove once the devices exist. Not among them: disks, the first create of each
// device, headers, faults, pins, power losses, reload, check, expectations, and lines that
// only wait (join, wait, mergewait, sleep).
#pragma once

#include <string>

#include "scenarios/scenario.h"

namespace cowlab {

struct ScenarioSize {
    std::size_t operations = 0;
    std::size_t power_losses = 0;
    std::size_t faults = 0;  // `inject`, `fault`, and pins that make a request or allocation fail
    std::size_t pins = 0;    // other pins but the following: when something happens
    std::size_t deviating_sectors = 0;  // pins on what a power loss leaves of one sector
};

ScenarioSize size_of(const Scenario& scenario);
std::size_t count_operations(const Scenario& scenario);
std::size_t count_of(const Scenario& scenario, Verb verb);

// "4 operations, 1 power loss, 0 faults, 1 pin, 2 deviating sectors"; with `before`: "4 operations
// (from 1544), …".
std::string size_text(const ScenarioSize& size, std::size_t operations_before = 0);

// What a pin is about.
enum class PinKind : std::uint8_t { time, fault, memory, survival };
PinKind kind_of_pin(const Step& pin);

}  // namespace cowlab
