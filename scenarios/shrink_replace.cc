// Less in the place of more: where no line can go, a simpler one may do.
#include <algorithm>

#include "scenarios/shrink_search.h"

namespace cowlab {
namespace {

std::ptrdiff_t offset(std::size_t i) { return static_cast<std::ptrdiff_t>(i); }

bool is_write(const Step& s) {
    return s.verb == Verb::write ||
           ((s.verb == Verb::lane || s.verb == Verb::bg) && s.io_verb == Verb::write);
}

// A merge takes over a snapshot that is suspended now and removed later, or removed now.
bool remove_instead_of_suspend(ShrinkSearch& search) {
    for (std::size_t i = 0; i < search.best().steps.size() && !search.is_out_of_time(); ++i) {
        if (search.best().steps[i].verb != Verb::suspend) continue;
        for (std::size_t j = i + 1; j < search.best().steps.size(); ++j) {
            const Step& s = search.best().steps[j];
            if (s.verb != Verb::remove || s.name != search.best().steps[i].name) continue;
            const auto make = [&] {
                Scenario candidate = search.without({j});
                candidate.steps[i] = search.best().steps[j];
                return candidate;
            };
            if (search.attempt(make)) return true;
        }
    }
    return false;
}

// Where it takes many exceptions to fail: one large write does for many small ones, and for a merge
// that made some. Kept only if lines go for it: simplify_lines() makes requests short.
bool use_wider_requests(ShrinkSearch& search) {
    constexpr std::uint64_t helpful_max = 4096;  // writing more is no help
    if (count_operations(search.best()) <= few_operations) return false;
    for (std::size_t i = 0; i < search.best().steps.size() && !search.is_out_of_time(); ++i) {
        if (!is_write(search.best().steps[i])) continue;
        const std::uint64_t size = size_of_device(search.best(), search.best().steps[i].name);
        if (size > helpful_max || size <= search.best().steps[i].count.value) continue;
        const Scenario before = search.best();
        const bool wider = search.attempt_edit(i, [&](Step& s) {
            s.start = {0};
            s.count = {size};
        });
        if (!wider) continue;
        remove_lines(search);
        remove_near_pairs(search);
        if (count_operations(search.best()) < count_operations(before)) return true;
        search.go_back_to(before);
    }
    return false;
}

// Operations may be there only because they take time, or only because they wait: waiting does it.
bool wait_instead_of_lines(ShrinkSearch& search) {
    if (count_operations(search.best()) <= few_operations) return false;
    constexpr Milliseconds long_enough{200};
    for (std::size_t i = 0; i < search.best().steps.size(); ++i) {
        const Step& first = search.best().steps[i];
        if (is_pin(first) || first.verb == Verb::disk || first.verb == Verb::sleep) continue;
        for (std::size_t j = i; j < search.best().steps.size(); ++j) {
            if (search.is_out_of_time()) return false;
            const auto make = [&] {
                Scenario candidate = search.best();
                Step wait;
                wait.verb = Verb::sleep;
                wait.ms = long_enough;
                if (j != i) candidate.steps.erase(candidate.steps.begin() + offset(j));
                candidate.steps[i] = std::move(wait);
                return candidate;
            };
            const std::size_t before = count_operations(search.best());
            const Scenario was = search.best();
            if (!search.attempt(make)) continue;
            if (count_operations(search.best()) < before) return true;
            search.go_back_to(was);
        }
    }
    return false;
}

// What a single read shows, reading everything back shows as well, and that is no operation.
bool check_instead_of_read(ShrinkSearch& search) {
    if (count_operations(search.best()) <= few_operations) return false;
    for (std::size_t i = search.best().steps.size(); i-- > 0 && !search.is_out_of_time();) {
        if (search.best().steps[i].verb != Verb::read) continue;
        const bool does = search.attempt_edit(i, [](Step& s) {
            s = Step{};
            s.verb = Verb::check;
        });
        if (does) return true;
    }
    return false;
}

// A power loss that is survived is, for what comes after it, often no more than a flush.
bool flush_instead_of_power_loss(ShrinkSearch& search) {
    if (count_operations(search.best()) >= few_operations) return false;
    if (count_of(search.best(), Verb::power_loss) < 2) return false;
    const std::vector<Step>& steps = search.best().steps;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].verb != Verb::power_loss) continue;
        std::size_t back = i + 1;
        while (back < steps.size() && steps[back].verb != Verb::reload) ++back;
        if (back == steps.size()) return false;
        for (const Step& s : steps) {
            if (search.is_out_of_time()) return false;
            if (!is_create(s)) continue;
            const auto make = [&] {
                Scenario candidate = search.best();
                candidate.steps[back] = Step{};
                candidate.steps[back].verb = Verb::flush;
                candidate.steps[back].name = s.name;
                candidate.steps.erase(candidate.steps.begin() + offset(i));
                return candidate;
            };
            if (search.attempt(make)) return true;
        }
    }
    return false;
}

bool is_survival_pin(const Step& s) { return is_pin(s) && kind_of_pin(s) == PinKind::survival; }

}  // namespace

// Lanes become plain lines, requests become short, pins small.
bool simplify_lines(ShrinkSearch& search) {
    bool changed = false;
    for (std::size_t i = 0; i < search.best().steps.size() && !search.is_out_of_time(); ++i) {
        const auto with = [&](auto&& edit) {
            if (search.attempt_edit(i, edit)) changed = true;
        };
        const Step s = search.best().steps[i];
        if (s.verb == Verb::lane) {
            with([](Step& x) {
                x.verb = x.io_verb;
                x.io_verb = Verb::unknown;
                x.job.clear();
            });
        }
        if (s.count.value > 1 && s.verb != Verb::disk) {
            with([](Step& x) { x.count = {1}; });
            with([](Step& x) { x.count = {x.count.value / 2}; });
        }
        if (is_pin(s) && s.pin.choice > 1 && !is_survival_pin(s))
            with([](Step& x) { x.pin.choice /= 2; });
        // An earlier time needs less to happen before.
        if (is_pin(s) && s.pin.nth > 1) {
            with([](Step& x) { x.pin.nth = 1; });
            with([](Step& x) { x.pin.nth = (x.pin.nth + 1) / 2; });
            with([](Step& x) { x.pin.nth = x.pin.nth > 1 ? x.pin.nth - 1 : 1; });
        }
        if (s.verb == Verb::power_loss && !s.loss.at_once) {
            with([](Step& x) {
                x.name.clear();
                x.loss.at_once = true;
                x.loss.request_class = RequestClass::any;
                x.loss.nth = 1;
                x.loss.moment = Moment::done;
            });
            with([](Step& x) { x.loss.nth = 1; });
        }
    }
    return changed;
}

bool replace_lines(ShrinkSearch& search) {
    return remove_instead_of_suspend(search) || wait_instead_of_lines(search) ||
           use_wider_requests(search) || check_instead_of_read(search) ||
           flush_instead_of_power_loss(search);
}

}  // namespace cowlab
