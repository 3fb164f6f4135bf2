#include "cli/known_defects.h"

namespace cowlab {
namespace {

struct Repair {
    bool EnginePolicy::*member;
    const char* defect;
};
constexpr Repair repairs[] = {
    {&EnginePolicy::d1_new_store_ordered, "L3"},
    {&EnginePolicy::d2_invalid_header_durable, "L2"},
    {&EnginePolicy::d3_load_validates, "L1"},
    {&EnginePolicy::d4_merge_rolls_back, "L5"},
    {&EnginePolicy::d5_one_merge_per_origin, "L7"},
    {&EnginePolicy::d8_more_events, "D8"},
    {&EnginePolicy::d9_next_area_checked, "L8"},
    {&EnginePolicy::d10_merge_length_64, "L4"},
    {&EnginePolicy::d11_merge_failure_clears, "D11"},
    {&EnginePolicy::d12_overflow_clears, "D12"},
    {&EnginePolicy::d13_discard_at_chunks, "L15"},
    {&EnginePolicy::d14_start_aligned, "L14"},
    {&EnginePolicy::d15_boundary_current, "L13"},
    {&EnginePolicy::d16_late_reads_fail, "D16"},
    {&EnginePolicy::d17_active_before_origin, "D17"},
};

class Diagnosis {
  public:
    Diagnosis(SimHost& host, const RunSetup& how, const Scenario& scenario)
        : host_(host), how_(how), scenario_(scenario) {
        how_.terse_answers = true;
        how_.turns_max = 2'000'000;
    }

    std::string run() {
        EnginePolicy policy = policy_kernel;
        for (const Repair& r : repairs) policy.*r.member = true;
        if (fails(policy)) return {};
        std::string names;
        for (const Repair& r : repairs) {
            policy.*r.member = false;
            if (!fails(policy)) continue;
            policy.*r.member = true;
            names += (names.empty() ? "" : "+") + name_of(r);
        }
        return names;
    }

  private:
    bool fails(const EnginePolicy& policy) {
        RunSetup setup = how_;
        setup.policy = &policy;
        return run_scenario(host_, scenario_, setup).verdict.failed;
    }
    // One repair mends several defects where Linux has one cause for them; what the failing run
    // went through tells them apart.
    std::string name_of(const Repair& repair) {
        const bool merge = repair.member == &EnginePolicy::d4_merge_rolls_back;
        const bool load = repair.member == &EnginePolicy::d3_load_validates;
        if (!merge && !load) return repair.defect;
        const RunResult run = run_scenario(host_, scenario_, how_);
        const auto reached = [&run](Mark m) { return run.marks[static_cast<std::size_t>(m)] > 0; };
        if (load) return run.power_losses > 0 ? "L1" : "L9";
        if (reached(Mark::prepare_merge_read_error)) return "L6";
        // An erase that failed although it was done, and a merge that nobody started again.
        return std::string_view(run.verdict.word) == "visibility" ? "L5" : "L11";
    }

    SimHost& host_;
    RunSetup how_;
    const Scenario& scenario_;
};

}  // namespace

std::string known_defect(SimHost& host, const RunSetup& how, const Scenario& scenario) {
    return Diagnosis(host, how, scenario).run();
}

}  // namespace cowlab
