// What may follow the fixed words of a verb: the tail of its form (form.h), option by option.
#pragma once

#include <string>
#include <string_view>

#include "scenarios/arguments.h"
#include "scenarios/form.h"
#include "scenarios/scenario.h"

namespace cowlab {

class OptionParser : public Arguments {
  public:
    OptionParser(std::string_view line, Dialect dialect, Step& step)
        : Arguments(line, dialect), step_(step) {}
    // The line belongs to the laboratory: refused in the golden dialect too.
    bool is_refused() const { return refused_; }

  protected:
    ~OptionParser() = default;
    std::string form() const override { return form_text(verb_); }
    // Always false.
    bool refuse_laboratory(std::string_view word);
    // The options of verb_, to the end of the line or to the first word that is none.
    bool parse_options();

    Step& step_;
    Verb verb_ = Verb::unknown;  // whose form is being read: the step's or its I/O line's

  private:
    bool parse_disk();
    bool parse_disk_option(std::string_view word);
    // Always false.
    bool refuse_second(std::string_view word, std::string_view what);
    bool parse_content(std::string_view word);
    bool parse_lbs();
    bool parse_path();
    bool parse_atomic();
    bool parse_suspend();
    bool parse_fault();
    bool parse_lossy();
    bool parse_lost();
    bool parse_fua();
    bool parse_inject();
    bool parse_times();
    bool parse_power_loss();

    bool refused_ = false;
    bool atomic_seen_ = false;
};

}  // namespace cowlab
