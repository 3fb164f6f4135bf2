// The fewest sectors by which what a power loss leaves differs from something simple: from "nothing
// of the cache" or from "all of it", whichever is nearer.
//
// Each sector that differs is a pin `survive.SECTOR`. Single pins go like any line; here the other
// of the two is tried, with a pin for every sector that a small disk has, which then go as well.
#include <string>

#include "scenarios/shrink_search.h"

namespace cowlab {
namespace {

constexpr std::uint64_t sectors_max = 2048;  // of all disks: so many pins are tried

bool is_survival(const Step& s) { return is_pin(s) && kind_of_pin(s) == PinKind::survival; }

Survivors other(Survivors s) {
    return s == Survivors::losing_everything ? Survivors::keeping_everything
                                             : Survivors::losing_everything;
}

Step survival_pin(const std::string& disk, std::uint64_t sector, std::uint64_t nth,
                  std::uint64_t choice) {
    Step pin;
    pin.verb = Verb::pin;
    pin.name = disk;
    pin.pin.point = "survive." + std::to_string(sector);
    pin.pin.nth = nth;
    pin.pin.choice = choice;
    return pin;
}

// The power losses the other way round; `pinned`: every sector as it was before, as far as a pin
// can say that without knowing what was in the cache.
Scenario turned_round(const Scenario& from, bool pinned) {
    Scenario out = from;
    bool keeping = false;
    std::uint64_t losses = 0;
    std::erase_if(out.steps, is_survival);
    for (Step& s : out.steps) {
        if (s.verb != Verb::power_loss) continue;
        s.loss.survival = other(s.loss.survival);
        keeping = s.loss.survival == Survivors::keeping_everything;
        ++losses;
    }
    // The durable version is number 1. The newest has no number of its own, so only that way.
    if (!pinned || !keeping || losses != 1) return out;
    std::vector<Step> pins;
    for (const Step& d : from.steps) {
        if (d.verb != Verb::disk) continue;
        for (std::uint64_t sector = 0; sector < d.count.value; ++sector) {
            Step pin = survival_pin(d.name, sector, 1, 1);
            for (const Step& s : from.steps) {
                if (is_survival(s) && s.name == d.name && s.pin.point == pin.pin.point)
                    pin.pin.choice = s.pin.choice;
            }
            pins.push_back(std::move(pin));
        }
    }
    out.steps.insert(out.steps.begin(), pins.begin(), pins.end());
    return out;
}

}  // namespace

bool shrink_crash_images(ShrinkSearch& search) {
    const Scenario before = search.best();
    const std::size_t deviating = size_of(before).deviating_sectors;
    if (deviating == 0) return false;
    if (search.attempt_this(turned_round(before, false))) return true;
    if (deviating <= 1) return false;
    std::uint64_t sectors = 0;
    for (const Step& s : before.steps) sectors += s.verb == Verb::disk ? s.count.value : 0;
    if (sectors > sectors_max) return false;
    if (!search.attempt_this(turned_round(before, true))) return false;
    remove_lines(search);
    if (size_of(search.best()).deviating_sectors < deviating) return true;
    search.go_back_to(before);
    return false;
}

}  // namespace cowlab
