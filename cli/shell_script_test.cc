// `replay --script`: the steps as dmsetup does them give the kernel's recorded answers.
#include "cli/shell_script.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "cli/files.h"
#include "device/kernel_oracle.h"
#include "scenarios/parse.h"
#include "scenarios/print.h"

namespace cowlab {
namespace {

std::string golden(const std::string& name) {
    return std::string(COWLAB_SOURCE_DIR) + "/scenarios/golden/" + name;
}

Result<std::string> script_of(const std::string& path) {
    auto text = read_text_file(path);
    if (!text) return failure(std::move(text).error());
    auto scenario = parse(*text, path);
    if (!scenario) return failure(std::move(scenario).error());
    return shell_script(*scenario, path);
}

// What a script and a recording can be compared in: answers without hashes and devices' numbers,
// and only that there was an error, as each tool has its own words for it.
std::string comparable(const std::string& answer) {
    if (answer.rfind("= err", 0) == 0 || answer.rfind("= open err", 0) == 0) return "= err";
    std::istringstream words(answer);
    std::string out, word;
    while (words >> word) {
        const bool is_number = word.find(':') != std::string::npos;  // of a device; else @name
        if (word.rfind("fnv=", 0) == 0 || word[0] == '?' || word[0] == '@' || is_number) continue;
        out += (out.empty() ? "" : " ") + word;
    }
    return out;
}

// Line -> answer, in order.
std::vector<std::pair<std::string, std::string>> told(const std::string& output) {
    std::vector<std::pair<std::string, std::string>> out;
    std::istringstream lines(output);
    for (std::string line; std::getline(lines, line);) {
        if (line.rfind("> ", 0) == 0) out.emplace_back(line.substr(2), "");
        if (line.rfind("=", 0) == 0 && !out.empty() && out.back().second.empty())
            out.back().second = comparable(line);
    }
    return out;
}

using Told = std::vector<std::pair<std::string, std::string>>;

struct RecordedScript {
    std::string name;
    std::string script;
    Told answers;
};

// A golden case: its answers stand in the file beside it.
void add_case(const std::string& name, std::vector<RecordedScript>& out) {
    const auto script = script_of(golden(name + ".trace"));
    const auto recorded = read_text_file(golden(name + ".out"));
    ASSERT_TRUE(script && recorded) << name;
    out.push_back({name, *script, told(*recorded)});
}

// A scenario: its answers stand below its lines.
void add_scenario(const std::string& path, std::vector<RecordedScript>& out) {
    const auto script = script_of(path);
    const auto text = read_text_file(path);
    ASSERT_TRUE(script && text) << path;
    const auto scenario = parse(*text, path);
    ASSERT_TRUE(scenario.has_value()) << scenario.error().text;
    Told answers;
    for (const Step& s : scenario->steps)
        answers.emplace_back(print_line(s), comparable(s.expected[0]));
    out.push_back({path.substr(path.rfind('/') + 1), *script, answers});
}

// One after the other on one machine, cleaned up in between as a script's first lines say.
std::string after_one_another(const std::vector<RecordedScript>& scripts) {
    std::string out;
    for (const RecordedScript& s : scripts) {
        out += "echo '@case " + s.name + "'\nCOWLAB_DIR=$(mktemp -d) sh <<'END_OF_SCRIPT'\n" +
               s.script + "\nEND_OF_SCRIPT\ndmsetup remove_all\nlosetup -D\n";
    }
    return out;
}

void expect_recorded_answers(const std::vector<RecordedScript>& scripts) {
    KernelOracle oracle;
    if (const auto reason = oracle.why_not()) GTEST_SKIP() << *reason;
    for (const char* tool : {"/usr/sbin/dmsetup", "/usr/sbin/losetup"}) {
        if (access(tool, X_OK) != 0) GTEST_SKIP() << tool << ": apt-get install dmsetup mount";
    }
    const auto output = oracle.run_script(after_one_another(scripts), 600);
    ASSERT_TRUE(output.has_value()) << output.error().text;
    std::size_t at = 0;
    for (const RecordedScript& s : scripts) {
        at = output->find("@case " + s.name + "\n", at);
        ASSERT_NE(at, std::string::npos) << s.name << " never began\n" << *output;
        const std::string said = output->substr(at, output->find("@case ", at + 1) - at);
        EXPECT_EQ(told(said), s.answers) << s.name << "\n" << said;
    }
}

TEST(ShellScript, GivesTheRecordedAnswersInsideTheKernel) {
    // Without what differs on the script's loop devices: limits, discards, images beside the case.
    std::vector<RecordedScript> scripts;
    for (const char* name :
         {"data-rewrite", "data-offset-target", "data-pending-read", "events",
          "fault-cow-write-origin", "fmt-odd-exceptions", "merge-complete", "overflow-one-of-two"})
        add_case(name, scripts);
    expect_recorded_answers(scripts);
}

TEST(ShellScript, GivesTheAnswersOfLvmsStoriesInsideTheKernel) {
    std::vector<RecordedScript> scripts;
    const std::string folder = std::string(COWLAB_SOURCE_DIR) + "/scenarios/lvm";
    const auto names = list_files(folder, ".scn");
    ASSERT_TRUE(names && !names->empty());
    for (const std::string& name : *names) add_scenario(folder + "/" + name, scripts);
    expect_recorded_answers(scripts);
}

TEST(ShellScript, WhatAShellCannotDoIsRefusedWithItsLine) {
    auto scenario = parse("cowlab 1\ndisk d 8\ncheck\n", "x.scn");
    ASSERT_TRUE(scenario.has_value());
    const auto script = shell_script(*scenario, "x.scn");
    ASSERT_FALSE(script.has_value());
    EXPECT_NE(script.error().text.find("line 3: check"), std::string::npos) << script.error().text;
}

}  // namespace
}  // namespace cowlab
