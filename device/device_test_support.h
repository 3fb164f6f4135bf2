// For tests: a folder in which there can be a device world, or the reason why there is none.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "device/direct_file.h"
#include "device/uring.h"

namespace cowlab {

class DeviceTest : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto reason = Uring::why_not()) GTEST_SKIP() << *reason;
        std::string name = (std::filesystem::temp_directory_path() / "cowlab-XXXXXX").string();
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
        if (auto probe = DirectFile::create_nameless(folder_, {8}); !probe)
            GTEST_SKIP() << probe.error().where << ": " << probe.error().text;
    }
    void TearDown() override {
        std::error_code ec;
        if (!folder_.empty()) std::filesystem::remove_all(folder_, ec);
    }
    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    // A file of that many sectors, all of them `byte`.
    std::string make_file(const std::string& name, std::uint64_t sectors, char byte = 0) const {
        std::ofstream(path(name)) << std::string(sectors * sector_bytes, byte);
        return path(name);
    }
    std::string content(const std::string& file) const {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::string folder_;
};

// A loop device as a person makes one, for as long as this object lives; no device where that
// cannot be.
class AttachedLoop {
  public:
    AttachedLoop(const std::string& file, int block, const std::string& options = {}) {
        const std::string command = "losetup --find --show " + options + " --sector-size " +
                                    std::to_string(block) + " " + file + " 2>/dev/null";
        FILE* pipe = ::popen(command.c_str(), "r");
        if (pipe == nullptr) return;
        char line[64] = {};
        if (std::fgets(line, sizeof(line), pipe) != nullptr) device_ = line;
        ::pclose(pipe);
        while (!device_.empty() && device_.back() == '\n') device_.pop_back();
    }
    ~AttachedLoop() {
        if (device_.empty()) return;
        EXPECT_EQ(std::system(("losetup --detach " + device_).c_str()), 0);
    }
    AttachedLoop(const AttachedLoop&) = delete;
    const std::string& device() const { return device_; }

  private:
    std::string device_;
};

// What a refusal says, whole; "" if there was none.
template <class T>
std::string refusal_of(const Result<T>& result) {
    return result ? std::string{} : result.error().where + ": " + result.error().text;
}

}  // namespace cowlab
