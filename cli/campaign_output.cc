#include "cli/campaign_output.h"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>

#include <cstdlib>

#include "cli/files.h"
#include "cli/shrinking.h"
#include "cli/version.h"

namespace cowlab {
namespace {

bool wants_colours(int fd) {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    return isatty(fd) != 0 && (no_colour == nullptr || *no_colour == 0) &&
           (term == nullptr || std::string_view(term) != "dumb");
}

std::string xml(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            case '"': out += "&quot;"; break;
            default:
                if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') out += c;
        }
    }
    return out;
}

std::string indented(const std::string& text, const std::string& by) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = text.find('\n', at);
        if (end == std::string::npos) end = text.size();
        out += by + text.substr(at, end - at) + "\n";
        at = end + 1;
    }
    return out;
}

// Of a story: what failed, where its scenario is, how to see it again.
std::string closing_lines(const std::string& story) {
    std::string out;
    for (std::size_t at = 0; at < story.size();) {
        const std::size_t end = std::min(story.find('\n', at), story.size());
        const std::string_view line = std::string_view(story).substr(at, end - at);
        for (const char* word : {"FAIL ", "scenario ", "replay "}) {
            if (line.starts_with(word)) out += std::string(line) + "\n";
        }
        at = end + 1;
    }
    return out;
}

std::string eta(std::uint64_t seconds) {
    if (seconds >= 3600) return fmt::format("{}h{:02}m", seconds / 3600, seconds / 60 % 60);
    if (seconds >= 60) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
    return fmt::format("{}s", seconds);
}

}  // namespace

CampaignOutput::CampaignOutput(const RunOptions& options, const Plan& plan)
    : form_(options.digests ? Form::digests
            : options.json  ? Form::json
            : options.tap   ? Form::tap
                            : Form::text),
      options_(options),
      plan_(plan),
      colours_(form_ == Form::text && wants_colours(STDOUT_FILENO)),
      terminal_(isatty(STDERR_FILENO) != 0),
      started_(monotonic_ms()),
      last_progress_(started_) {}

std::uint64_t CampaignOutput::passed_ms() const { return monotonic_ms() - started_; }

// Errors of standard output are looked at once, at the end (main.cc).
void CampaignOutput::say(const std::string& text) {
    end_progress_line();
    std::string out = text;
    if (form_ == Form::tap) out = indented(text, "# ");
    if (form_ == Form::json || form_ == Form::digests) return;
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
}

void CampaignOutput::event(nlohmann::json e) {
    if (form_ != Form::json) return;
    const std::string line =
        e.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

void CampaignOutput::end_progress_line() {
    if (line_open_) std::fprintf(stderr, "\n");
    line_open_ = false;
}

void CampaignOutput::start(const Shard& shard, std::uint64_t jobs) {
    const std::string seeds =
        options_.seconds ? fmt::format("seeds {}-…", options_.seed_first)
        : options_.seed_first == options_.seed_last
            ? fmt::format("seed {}", options_.seed_first)
            : fmt::format("seeds {}-{}", options_.seed_first, options_.seed_last);
    std::string text =
        fmt::format("{}   options {}   profile {}{}   {}   ", seeds, plan_.digest_text(),
                    options_.profile, plan_.policy_note, version_text());
    if (shard.count > 1 || !shard.found_in.empty()) {
        text += fmt::format("shard {}/{} ({})   ", shard.index, shard.count, shard.found_in);
    }
    text += fmt::format("{} job{}\n", jobs, jobs == 1 ? "" : "s");
    if (form_ == Form::tap) {
        std::fputs("TAP version 13\n", stdout);
    }
    say(text);
    nlohmann::json e = {{"event", "start"},
                        {"seed_first", options_.seed_first},
                        {"options", plan_.digest_text()},
                        {"profile", options_.profile},
                        {"strategy", options_.strategy},
                        {"policy", std::string(name_of(plan_.header.policy))},
                        {"without", plan_.header.without},
                        {"version", version_text()},
                        {"shard", {{"index", shard.index}, {"count", shard.count}}},
                        {"jobs", jobs}};
    if (options_.seconds) {
        e["seconds"] = *options_.seconds;
    } else {
        e["seed_last"] = options_.seed_last;
    }
    event(e);
}

void CampaignOutput::resumed(const Totals& before) {
    runs_before_ = before.runs();
    requests_before_ = before.value("requests");
    note(fmt::format("resumed    after {} runs", runs_before_));
}

void CampaignOutput::stored(const std::string& path, const std::string& verdict) {
    const std::string what = verdict.empty() ? "passes now" : "still fails";
    say(fmt::format("stored     {:<40} {}{}{}\n", path, what, verdict.empty() ? "" : "   ",
                    verdict));
    event({{"event", "stored"},
           {"scenario", path},
           {"fails", !verdict.empty()},
           {"verdict", verdict}});
    cases_.push_back({path, verdict, ""});
}

void CampaignOutput::note(const std::string& text) {
    say(text + "\n");
    event({{"event", "note"}, {"text", text}});
    if (form_ == Form::json || form_ == Form::digests) std::fprintf(stderr, "%s\n", text.c_str());
}

void CampaignOutput::digest(std::uint64_t seed, std::uint64_t digest) {
    if (form_ != Form::digests) return;
    std::fputs(fmt::format("{} {:016x}\n", seed, digest).c_str(), stdout);
}

void CampaignOutput::finding(const nlohmann::json& f) {
    const std::string text = f.value("story", "");
    const bool reproduced = f.value("reproduced", false);
    const std::uint64_t seed = f.value("seed", std::uint64_t{0});
    say(fmt::format(
        "\nseed {}{}\n\n{}", seed,
        reproduced ? "" : "   (only with its seed: its choices alone do not reproduce it)", text));
    if (f.value("known", "").empty() && closings_.size() < closings_max)
        closings_.push_back(closing_lines(text));
    nlohmann::json e = f;
    e["event"] = "finding";
    event(e);
    const std::string what = fmt::format(
        "{}{}{}", f.value("word", ""),
        f.value("invariant", 0) != 0 ? fmt::format(" INV-{}", f.value("invariant", 0)) : "",
        f.value("known", "").empty() ? "" : fmt::format(" (known {})", f.value("known", "")));
    cases_.push_back(
        {fmt::format("seed {}", seed),
         f.value("known", "").empty() ? fmt::format("{}: {}", what, f.value("text", "")) : "",
         text});
}

void CampaignOutput::progress(const Totals& t, std::uint64_t seed, std::uint64_t done,
                              std::uint64_t all, bool at_end) {
    const std::uint64_t now = monotonic_ms();
    const std::uint64_t every = terminal_ ? 500 : 60'000;
    if (!at_end && now - last_progress_ < every) return;
    last_progress_ = now;
    const std::uint64_t passed = now - started_ + 1;
    const std::uint64_t runs = t.runs() - runs_before_;
    const std::uint64_t requests = t.value("requests") - requests_before_;
    const std::size_t marks = t.marks_reached();
    event({{"event", "progress"},
           {"seed", seed},
           {"runs", t.runs()},
           {"runs_per_second", runs * 1000 / passed},
           {"ios_per_second", requests * 1000 / passed},
           {"marks_reached", marks},
           {"marks", mark_count},
           {"seconds", static_cast<double>(passed) / 1000.0}});
    if (at_end) return;
    std::string left;
    if (options_.seconds) {
        const std::uint64_t ms = *options_.seconds * 1000;
        left = ms > passed ? eta((ms - passed) / 1000) : "0s";
    } else if (done > 0 && all > done) {
        left = eta(passed * (all - done) / done / 1000);
    }
    const std::string text = fmt::format(
        "seed {}   {} runs   {} runs/s   {} I/Os/s   {} power losses   {} of {} marks   {} left",
        seed, t.runs(), runs * 1000 / passed, requests * 1000 / passed, t.value("power_losses"),
        marks, mark_count, left.empty() ? "?" : left);
    std::fprintf(stderr, "%s%s%s", terminal_ ? "\r\x1b[K" : "", text.c_str(),
                 terminal_ ? "" : "\n");
    std::fflush(stderr);
    line_open_ = terminal_;
}

Result<bool> CampaignOutput::summary(const Totals& t, const Summary& s) {
    end_progress_line();
    const std::uint64_t ms = passed_ms();
    std::string text = totals_text(t, ms, plan_.profile);
    // A campaign that was to stop at a finding says nothing about what it did not meet.
    if (options_.max_findings > 0 && !s.groups.empty()) text.resize(text.find('\n') + 1);
    if (runs_before_ > 0)
        text += fmt::format("of these   {} runs were made before it was resumed\n", runs_before_);
    for (const auto& [group, count] : s.groups)
        text += fmt::format("found      {}: {} of {} runs\n", group, count, t.runs());
    for (const auto& [defect, count] : s.known)
        text += fmt::format("known      {}: {} of {} runs\n", defect, count, t.runs());
    if (s.stored_failing > 0) text += fmt::format("stored     {} still fail\n", s.stored_failing);
    if (s.determinism_checked)
        text += fmt::format("determinism  {} runs differed from their repetition\n",
                            s.not_deterministic);
    if (s.stopped) {
        text += "stopped    before the end; go on with --resume\n";
    } else if (s.groups.empty() && s.stored_failing == 0 && s.not_deterministic == 0) {
        text += s.known.empty() ? "nothing found\n" : "nothing found that is not known\n";
    }
    for (const std::string& closing : closings_) text += "\n" + closing;
    cases_.push_back(
        {fmt::format("{} other runs", t.runs()),
         s.not_deterministic == 0
             ? ""
             : fmt::format("{} runs differed from their repetition", s.not_deterministic),
         ""});
    if (form_ == Form::tap) {
        for (std::size_t i = 0; i < cases_.size(); ++i) {
            const Case& c = cases_[i];
            std::string name = c.name;
            if (!c.failed.empty()) name += ": " + c.failed;
            for (char& ch : name) ch = ch == '#' || ch == '\n' ? ' ' : ch;
            const char* no = c.failed.empty() ? "" : "not ";
            std::fputs(fmt::format("{}ok {} - {}\n", no, i + 1, name).c_str(), stdout);
        }
        std::fputs(fmt::format("1..{}\n", cases_.size()).c_str(), stdout);
    }
    say(text);
    nlohmann::json e = {{"event", "summary"},
                        {"runs", t.runs()},
                        {"seconds", static_cast<double>(ms) / 1000.0},
                        {"found", s.groups},
                        {"known", s.known},
                        {"stored_failing", s.stored_failing},
                        {"not_deterministic", s.not_deterministic},
                        {"stopped", s.stopped},
                        {"exit", s.exit_code}};
    nlohmann::json values = nlohmann::json::object();
    for (std::size_t i = 0; i < counters().size(); ++i) values[counters()[i].name] = t.values()[i];
    e["counters"] = values;
    event(e);
    if (options_.junit.empty()) return true;
    return write_junit(t);
}

Result<bool> CampaignOutput::write_junit(const Totals& t) const {
    std::size_t failed = 0;
    for (const Case& c : cases_) failed += c.failed.empty() ? 0 : 1;
    std::string text = fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites>\n<testsuite name=\"cowlab run\" tests=\"{}\" failures=\"{}\" "
        "time=\"{:.3f}\">\n"
        "<properties>\n<property name=\"options\" value=\"{}\"/>\n<property name=\"version\" "
        "value=\"{}\"/>\n<property name=\"runs\" value=\"{}\"/>\n</properties>\n",
        cases_.size(), failed, static_cast<double>(passed_ms()) / 1000.0, plan_.digest_text(),
        xml(version_text()), t.runs());
    for (const Case& c : cases_) {
        text += fmt::format("<testcase classname=\"cowlab.{}\" name=\"{}\"", options_.profile,
                            xml(c.name));
        if (c.failed.empty()) {
            text += "/>\n";
        } else {
            text += fmt::format(">\n<failure message=\"{}\">{}</failure>\n</testcase>\n",
                                xml(c.failed), xml(c.story));
        }
    }
    text += "</testsuite>\n</testsuites>\n";
    return write_file(options_.junit, text);
}

}  // namespace cowlab
