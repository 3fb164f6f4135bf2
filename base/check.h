// CHECK: an assertion that is on in every build and carries the name of the rule that broke.
//
//     CHECK(!completed_.contains(c), "INV-1: one exception per chunk");
//
// A CHECK that fails is a bug of ours, never of the input. What happens then is decided by whoever
// runs the code: the innermost CheckHandler in force gets the failure and must not return (a world
// records the verdict and abandons the fiber: the world ends, not the process). Without a handler
// the failure is printed and the process aborts.
#pragma once

namespace cowlab {

struct CheckFailure {
    const char*
        rule;  // the text given to CHECK; begins with "INV-n: " where an invariant has a number
    const char* expression;
    const char* file;
    int line;
};

class CheckHandler {
  public:
    // Must not return; if it does the process aborts.
    virtual void check_failed(const CheckFailure& failure) = 0;

  protected:
    ~CheckHandler() = default;
};

// Installs `handler` (nullptr: none) for the calling thread; gives back the one before.
CheckHandler* set_check_handler(CheckHandler* handler);

[[noreturn]] void check_failed(const CheckFailure& failure);

}  // namespace cowlab

#define CHECK(condition, rule)                                              \
    do {                                                                    \
        if (!(condition)) [[unlikely]]                                      \
            ::cowlab::check_failed({rule, #condition, __FILE__, __LINE__}); \
    } while (false)

#define CHECK_IMPLIES(premise, conclusion, rule) CHECK(!(premise) || (conclusion), rule)
