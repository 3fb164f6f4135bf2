#include "world/read_back.h"

#include <utility>
#include <vector>

namespace cowlab {
namespace {

constexpr std::uint64_t piece_sectors = 512;
constexpr std::uint64_t volume_sectors_max = std::uint64_t{1} << 20;

}  // namespace

void read_everything_back(World& world, const std::function<bool()>& goes_on) {
    std::vector<std::pair<std::string, Sectors>> volumes;
    for (MappedDevice& d : world.mapper().devices()) {
        if (world.find_disk(d.name()) != nullptr || d.is_suspended() || d.live() == nullptr)
            continue;
        if (d.capacity().value > volume_sectors_max) continue;
        volumes.emplace_back(std::string(d.name()), d.capacity());
    }
    Step step;
    step.verb = Verb::read;
    for (const auto& [name, size] : volumes) {
        step.name = name;
        for (std::uint64_t at = 0; at < size.value && goes_on(); at += piece_sectors) {
            step.start = {at};
            step.count = min(Sectors{piece_sectors}, size - Sectors{at});
            world.run(step);
        }
    }
}

}  // namespace cowlab
