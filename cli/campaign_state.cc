#include "cli/campaign_state.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/files.h"
#include "cli/version.h"

namespace cowlab {

StateFile::StateFile(const std::string& out, const Plan& plan, std::uint64_t seed_first,
                     const Shard& shard)
    : path(fmt::format("{}/campaign-{}-{}-{}of{}.json", out, plan.digest_text(), seed_first,
                       shard.index, shard.count)),
      who(fmt::format("{} from seed {} shard {}/{} by {}", plan.options_json, seed_first,
                      shard.index, shard.count, version_text())) {}

Result<bool> StateFile::save(const CampaignState& s) const {
    std::error_code ec;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ec);
    if (ec) return failure(errno_error(path, "cannot make its directory", ec.value()));
    nlohmann::json j = {{"campaign", who},
                        {"frontier", s.frontier},
                        {"groups", s.groups},
                        {"known", s.known},
                        {"not_deterministic", s.not_deterministic}};
    for (std::size_t i = 0; i < counters().size(); ++i)
        j["counters"][counters()[i].name] = s.totals.values()[i];
    return write_file(path, j.dump(1) + "\n");
}

Result<CampaignState> StateFile::load() const {
    if (!std::filesystem::exists(path)) {
        return refuse(path,
                      "no stopped campaign of these options, first seed and shard is here: "
                      "leave --resume out, or name its --out");
    }
    auto text = read_text_file(path);
    if (!text) return failure(std::move(text).error());
    try {
        const nlohmann::json j = nlohmann::json::parse(*text);
        if (j.at("campaign").get<std::string>() != who) {
            return refuse(path,
                          "this campaign was made by another cowlab, or with other options: "
                          "leave --resume out to begin anew");
        }
        CampaignState s;
        s.frontier = j.at("frontier").get<std::uint64_t>();
        s.groups = j.at("groups").get<std::map<std::string, std::uint64_t>>();
        s.known = j.at("known").get<std::map<std::string, std::uint64_t>>();
        s.not_deterministic = j.at("not_deterministic").get<std::uint64_t>();
        std::vector<std::uint64_t> values;
        for (const Counter& c : counters())
            values.push_back(j.at("counters").value(c.name, std::uint64_t{0}));
        s.totals.set(values);
        return s;
    } catch (const nlohmann::json::exception&) {
        return refuse(path,
                      "this is not the state of a campaign: remove it and leave --resume out");
    }
}

}  // namespace cowlab
