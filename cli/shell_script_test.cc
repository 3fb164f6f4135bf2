// `replay --script`: the steps as dmsetup does them give the kernel's recorded answers.
#include "cli/shell_script.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "cli/files.h"
#include "device/kernel_oracle.h"
#include "scenarios/parse.h"

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
    if (answer.rfind("= err", 0) == 0) return "= err";
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

TEST(ShellScript, GivesTheRecordedAnswersInsideTheKernel) {
    KernelOracle oracle;
    if (const auto reason = oracle.why_not()) GTEST_SKIP() << *reason;
    for (const char* tool : {"/usr/sbin/dmsetup", "/usr/sbin/losetup"}) {
        if (access(tool, X_OK) != 0) GTEST_SKIP() << tool << ": apt-get install dmsetup mount";
    }
    for (const std::string name : {"data-rewrite", "merge-complete"}) {
        const auto script = script_of(golden(name + ".trace"));
        ASSERT_TRUE(script.has_value()) << script.error().text;
        const auto output = oracle.run_script(*script, 60);
        ASSERT_TRUE(output.has_value()) << output.error().text;
        auto recorded = read_text_file(golden(name + ".out"));
        ASSERT_TRUE(recorded.has_value());
        EXPECT_EQ(told(*output), told(*recorded)) << name << "\n" << *output;
    }
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
