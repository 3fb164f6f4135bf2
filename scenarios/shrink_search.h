// The best scenario so far, and the trying of candidates: what every pass of shrinking works on.
//
// A pass is a function that tries candidates and says whether the best changed. `shrink_lines.cc`
// takes lines away, `shrink_replace.cc` puts less in the place of more, `shrink_geometry.cc` makes
// the devices small, `shrink_crash.cc` lets a power loss differ in fewer sectors, `shrink_order.cc`
// puts what is left in the order in which a person reads.
#pragma once

#include <optional>

#include "scenarios/shrink.h"

namespace cowlab {

class ShrinkSearch {
  public:
    ShrinkSearch(const Scenario& scenario, ShrinkJudge& judge) : judge_(judge), best_(scenario) {}

    const Scenario& best() const { return best_; }
    std::size_t tried() const { return tried_; }
    bool is_out_of_time() { return judge_.is_out_of_time(); }

    // `make` builds the candidate: not called for one that is known to be refused.
    template <class Make>
    bool attempt(Make&& make) {
        ++tried_;
        const std::optional<bool> known = judge_.known_answer();
        if (known && !*known) return false;
        Scenario candidate = make();
        if (!known && !judge_.fails_alike(candidate)) return false;
        best_ = std::move(candidate);
        return true;
    }
    // A candidate that is there already: nothing is asked if it is the best itself.
    bool attempt_this(Scenario candidate) {
        if (candidate == best_) return false;
        return attempt([&] { return std::move(candidate); });
    }
    // Line `i`, changed.
    template <class Edit>
    bool attempt_edit(std::size_t i, Edit&& edit) {
        Step edited = best_.steps[i];
        edit(edited);
        edited.source = {};
        if (edited == best_.steps[i]) return false;
        return attempt([&] {
            Scenario candidate = best_;
            candidate.steps[i] = std::move(edited);
            return candidate;
        });
    }
    // Without the steps at these places, which are in ascending order.
    Scenario without(const std::vector<std::size_t>& places) const;
    bool attempt_without(const std::vector<std::size_t>& places) {
        if (places.empty()) return false;
        return attempt([&] { return without(places); });
    }
    template <class Which>
    std::vector<std::size_t> places_of(Which&& which) const {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < best_.steps.size(); ++i) {
            if (which(best_.steps[i])) places.push_back(i);
        }
        return places;
    }
    // What was a detour.
    void go_back_to(Scenario before) { best_ = std::move(before); }

  private:
    ShrinkJudge& judge_;
    Scenario best_;
    std::size_t tried_ = 0;
};

// What a person reads in one breath: passes that cost much are for scenarios that are longer.
inline constexpr std::size_t few_operations = 6;

inline bool is_pin(const Step& s) { return s.verb == Verb::pin; }
inline bool is_no_pin(const Step& s) { return s.verb != Verb::pin; }
inline bool is_create(const Step& s) { return s.verb == Verb::create || s.verb == Verb::create_ro; }

// shrink_lines.cc
void cut_after(ShrinkSearch& search, std::size_t step);
void drop_pins_by_kind(ShrinkSearch& search);
bool remove_lines(ShrinkSearch& search);            // halves, quarters, … one
bool remove_devices(ShrinkSearch& search);          // all that names one
bool remove_near_pairs(ShrinkSearch& search);       // a suspend and its resume
bool remove_what_is_counted(ShrinkSearch& search);  // "the 7th write" with a write
bool remove_any_one_or_two(ShrinkSearch& search);   // what 1-minimal means here

// shrink_replace.cc
bool simplify_lines(ShrinkSearch& search);
bool replace_lines(ShrinkSearch& search);

bool shrink_geometry(ShrinkSearch& search);
bool shrink_crash_images(ShrinkSearch& search);
bool put_in_order(ShrinkSearch& search);

// In sectors, of the first table that `name` was given; 0: unknown.
std::uint64_t size_of_device(const Scenario& scenario, const std::string& name);

}  // namespace cowlab
