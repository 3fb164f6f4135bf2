// Between a world and its judge: sees what every read showed, and which open sectors the engine
// read as metadata.
//
// In a *symbolic* branch open sectors hold symbols instead of contents: a pattern that nobody
// writes, one a sector. The engine never looks at data (architecture, decision 2; metadata alone is
// handed over as bytes), so as long as no symbol is read as metadata, the branch does what every
// branch does whose metadata are the same, whatever the data: it moves sectors about. A symbol that
// a read shows tells where the sector came from. No judge listens meanwhile.
#pragma once

#include <vector>

#include "sim/crash/crash_space.h"
#include "world/model_judge.h"

namespace cowlab {

class CrashLens final : public Judge {
  public:
    struct Shown {
        ContentId id;
        std::uint64_t sector;  // of the volume
    };
    static constexpr ContentId read_failed = ~ContentId{0};

    // Everything goes on to `judge`; nullptr: the branch is symbolic.
    void begin(SimWorld& sim, ModelJudge* judge, const CrashSpace& space);
    // REQUIRES: symbolic. The sectors of this unit hold symbols from here on.
    void put_symbols(std::uint32_t unit);
    // Which unit it is the symbol of; -1: of none.
    std::int32_t unit_of(ContentId id) const;

    // In the order in which they were read, sector by sector.
    const std::vector<Shown>& shown() const { return shown_; }
    // Units whose symbols were read as metadata: the branch was stopped, and says nothing.
    const std::vector<std::uint32_t>& read_as_metadata() const { return hit_; }

    // Judge
    void request_issued(std::uint32_t actor, const Bio& bio) override;
    void request_done(std::uint32_t actor, const Bio& bio) override {
        if (judge_ != nullptr) judge_->request_done(actor, bio);
    }
    void request_begins(UserRequest& r) override {
        if (judge_ != nullptr) judge_->request_begins(r);
    }
    void request_ends(UserRequest& r, Errc status) override;
    void devices_changed() override {
        if (judge_ != nullptr) judge_->devices_changed();
    }
    void power_lost() override {
        if (judge_ != nullptr) judge_->power_lost();
    }
    void disk_tampered(std::string_view name) override {
        if (judge_ != nullptr) judge_->disk_tampered(name);
    }
    void engine_event(const Event& event) override {
        if (judge_ != nullptr) judge_->engine_event(event);
    }

  private:
    // Seeds of 24 bits; these are the last of them.
    static constexpr std::uint64_t symbol_seeds = 0xffff00;
    struct Symbol {
        std::uint32_t actor;
        std::uint64_t sector;
        ContentId id;
        std::uint32_t unit;
    };

    SimWorld* sim_ = nullptr;
    ModelJudge* judge_ = nullptr;
    const CrashSpace* space_ = nullptr;
    std::vector<Symbol> symbols_;  // by id
    std::vector<Shown> shown_;
    std::vector<std::uint32_t> hit_;
};

}  // namespace cowlab
