// The states of one leaf one after the other, each told in a few nanoseconds.
//
// A reflected Gray code: from one state to the next a single unit takes another version. So the
// fingerprint of the image (a sum over its sectors) changes by one term, and of all columns one is
// in another combination. Which combinations the judge has refused is known from the branches that
// were run, so whether a state is allowed is a count of columns that stand in a refused one: the
// rest of what it shows is the same bytes that were judged before.
#pragma once

#include "sim/crash/crash_columns.h"

namespace cowlab {

// The part of an image's fingerprint that the open units have.
std::uint64_t image_of(const CrashSpace& space, const CrashAssignment& a);

class CrashWalk {
  public:
    // What was refused: by column, by combination; or all of the leaf.
    struct Refused {
        bool all = false;
        std::vector<std::vector<bool>> of;
    };
    // Over all versions of the symbols in `leaf`.
    CrashWalk(const CrashSpace& space, const CrashColumns& columns, const CrashAssignment& leaf,
              const Refused& refused);
    // Over all there is: images alone, judged by nobody.
    explicit CrashWalk(const CrashSpace& space);

    // To the next state; false: that was the last. The first is there at once.
    bool next();
    // Differs between images, and is the same for the same image at the same moment.
    std::uint64_t image() const { return image_; }
    bool is_allowed() const { return refused_now_ == 0; }
    const CrashAssignment& state() const { return a_; }

  private:
    struct Digit {
        std::uint32_t unit;
        std::int32_t column;   // -1: shown nowhere
        std::uint64_t stride;  // in its column's number of a combination
        std::int32_t direction;
    };
    std::uint64_t term(std::uint32_t unit, std::uint32_t version) const {
        return terms_[terms_at_[unit] + version];
    }

    void begin(const CrashSpace& space);

    const Refused* refused_ = nullptr;
    CrashAssignment a_;
    std::vector<Digit> digits_;
    std::vector<std::uint32_t> versions_;
    std::vector<std::uint32_t> focus_;
    std::vector<std::uint64_t> combination_;  // by column
    std::vector<std::uint64_t> terms_;
    std::vector<std::uint32_t> terms_at_;
    std::uint64_t image_ = 0;
    std::uint32_t refused_now_ = 0;
};

}  // namespace cowlab
