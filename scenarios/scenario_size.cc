#include "scenarios/scenario_size.h"

#include <fmt/format.h>

#include <set>

namespace cowlab {
namespace {

bool is_operation(const Step& s) {
    switch (s.verb) {
        case Verb::disk:
        case Verb::nosave:
        case Verb::pin:
        case Verb::inject:
        case Verb::fault:
        case Verb::power_loss:
        case Verb::reload:
        case Verb::check:
        case Verb::join:
        case Verb::wait:
        case Verb::mergewait:
        case Verb::sleep:
        case Verb::say: return false;
        default: return true;
    }
}

// The lines that make the world: disks, and the first create of each device with the suspends and
// resumes around them.
std::size_t set_up_length(const Scenario& scenario) {
    std::size_t end = 0;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const Verb v = scenario.steps[i].verb;
        const bool makes = v == Verb::disk || v == Verb::create || v == Verb::create_ro ||
                           v == Verb::suspend || v == Verb::resume || v == Verb::pin;
        if (!makes) break;
        end = i + 1;
    }
    return end;
}

std::string counted(std::size_t n, const char* what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

PinKind kind_of_pin(const Step& s) {
    const std::string_view point = s.pin.point;
    if (point.substr(0, 8) == "survive.") return PinKind::survival;
    if (point.substr(0, 6) == "fault.") return PinKind::fault;
    if (point.substr(0, 7) == "memory.") return PinKind::memory;
    return PinKind::time;
}

std::size_t count_operations(const Scenario& scenario) {
    const std::size_t from = set_up_length(scenario);
    std::set<std::string> created;
    std::size_t count = 0;
    for (std::size_t i = 0; i < scenario.steps.size(); ++i) {
        const Step& s = scenario.steps[i];
        const bool creates = s.verb == Verb::create || s.verb == Verb::create_ro;
        if (creates && created.insert(s.name).second) continue;
        if (i >= from && is_operation(s)) ++count;
    }
    return count;
}

std::size_t count_of(const Scenario& scenario, Verb verb) {
    std::size_t n = 0;
    for (const Step& s : scenario.steps) n += s.verb == verb ? 1 : 0;
    return n;
}

ScenarioSize size_of(const Scenario& scenario) {
    ScenarioSize size;
    size.operations = count_operations(scenario);
    for (const Step& s : scenario.steps) {
        if (s.verb == Verb::power_loss) ++size.power_losses;
        if (s.verb == Verb::inject || s.verb == Verb::fault) ++size.faults;
        if (s.verb != Verb::pin) continue;
        switch (kind_of_pin(s)) {
            case PinKind::time: ++size.pins; break;
            case PinKind::fault:
            case PinKind::memory: ++size.faults; break;
            case PinKind::survival: ++size.deviating_sectors; break;
        }
    }
    return size;
}

std::string size_text(const ScenarioSize& size, std::size_t operations_before) {
    std::string text = counted(size.operations, "operation");
    if (operations_before > 0) text += fmt::format(" (from {})", operations_before);
    return text + fmt::format(", {}{}, {}, {}, {}", size.power_losses,
                              size.power_losses == 1 ? " power loss" : " power losses",
                              counted(size.faults, "fault"), counted(size.pins, "pin"),
                              counted(size.deviating_sectors, "deviating sector"));
}

}  // namespace cowlab
