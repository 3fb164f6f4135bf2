// Protects large devices: every chunk size from 1 to 2^21 sectors, on sparse images of up to 16
// TiB, is read in time that depends on what is there and not on what could be.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "cli/store/store.h"
#include "cli/store/store_test_support.h"

namespace cowlab::store {
namespace {

using namespace test;

// A store of `chunk_size` on a sparse file: `records` exceptions, old chunk 3n for the n-th, each
// data chunk zero but for 8 bytes with its number at its very end.
class SparseStore {
  public:
    SparseStore(const std::string& path, std::uint64_t bytes, std::uint32_t chunk_size,
                std::uint64_t records)
        : fd_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {
        made_ = ::ftruncate(fd_, static_cast<off_t>(bytes)) == 0;
        if (!made_) return;
        const std::uint32_t header[] = {0x70416e53, 1, 1, chunk_size};
        put(0, header, sizeof header);
        const std::uint64_t chunk = std::uint64_t{chunk_size} * 512;
        std::uint64_t new_chunk = 1;
        for (std::uint64_t n = 0; n < records; ++n) {
            if (n % (chunk / 16) == 0) area_ = new_chunk++ * chunk;
            const std::uint64_t record[] = {3 * n, new_chunk};
            put(area_ + n % (chunk / 16) * 16, record, sizeof record);
            put((new_chunk + 1) * chunk - 8, &new_chunk, 8);
            last_ = new_chunk++;
        }
    }
    ~SparseStore() { ::close(fd_); }
    SparseStore(const SparseStore&) = delete;
    SparseStore& operator=(const SparseStore&) = delete;
    bool made() const { return made_; }
    std::uint64_t last_new_chunk() const { return last_; }

  private:
    void put(std::uint64_t at, const void* data, std::size_t n) {
        ASSERT_EQ(::pwrite(fd_, data, n, static_cast<off_t>(at)), static_cast<ssize_t>(n));
    }
    int fd_;
    bool made_ = false;
    std::uint64_t area_ = 0;
    std::uint64_t last_ = 0;
};

// In memory where that is possible: a file system of a busy disk takes half a second for each
// fsync.
std::filesystem::path fast_directory() {
    const std::filesystem::path memory = "/dev/shm";
    return std::filesystem::exists(memory) ? memory : std::filesystem::temp_directory_path();
}

constexpr std::uint64_t tebibyte = std::uint64_t{1} << 40;
constexpr std::uint64_t largest_file = 16 * tebibyte - (1 << 20);  // of ext4

TEST(StoreLarge, EveryChunkSizeIsReadOnASparseImage) {
    const TempDir dir(fast_directory());
    for (unsigned shift = 0; shift <= 21; ++shift) {
        const auto chunk_size = std::uint32_t{1} << shift;
        const std::uint64_t chunk = std::uint64_t{chunk_size} * 512;
        SCOPED_TRACE(fmt::format("chunk size {}", chunk_size));
        // Three areas where they are small; where one has millions of records, a few of them.
        const std::uint64_t records = shift <= 4 ? 2 * (chunk / 16) + 5 : 7;
        const std::uint64_t chunks = 3 * records + 20;
        const SparseStore store(dir / "cow", chunks * chunk, chunk_size, records);
        ASSERT_TRUE(store.made());
        write_file(dir / "origin", {});
        ASSERT_EQ(::truncate((dir / "origin").c_str(), static_cast<off_t>(3 * records * chunk)), 0);

        const Ran dumped = run([&](std::FILE* out, std::FILE*) {
            return dump({dir / "cow", true}, out);
        });
        ASSERT_EQ(dumped.exit, 0) << dumped.error;
        const auto j = nlohmann::json::parse(dumped.out);
        EXPECT_EQ(j["header"]["chunk_size"], chunk_size);
        EXPECT_EQ(j["exceptions"].size(), records);
        EXPECT_EQ(j["exceptions"].back()["new"], store.last_new_chunk());
        const Ran checked = run([&](std::FILE* out, std::FILE*) {
            return check({dir / "cow", dir / "origin", false}, out);
        });
        EXPECT_EQ(checked.exit, 0) << checked.out << checked.error;
        const Ran served = run([&](std::FILE* out, std::FILE* messages) {
            return read({dir / "cow", dir / "origin", dir / "s", {}, false, {}}, out, messages);
        });
        ASSERT_EQ(served.exit, 0) << served.error;
        const int fd = ::open((dir / "s").c_str(), O_RDONLY | O_CLOEXEC);
        std::uint64_t last = 0;
        EXPECT_EQ(::pread(fd, &last, 8, static_cast<off_t>((3 * (records - 1) + 1) * chunk - 8)),
                  8);
        ::close(fd);
        EXPECT_EQ(last, store.last_new_chunk());
    }
}

TEST(StoreLarge, SixteenTebibytesOfNothingTakeNoTime) {
    const TempDir dir(fast_directory());
    for (const std::uint32_t chunk_size : {1u, 8u, 1u << 21}) {
        SCOPED_TRACE(fmt::format("chunk size {}", chunk_size));
        const SparseStore store(dir / "cow", largest_file, chunk_size, 5);
        if (!store.made()) GTEST_SKIP() << "this file system has no files of 16 TiB";
        write_file(dir / "origin", {});
        ASSERT_EQ(::truncate((dir / "origin").c_str(), static_cast<off_t>(largest_file)), 0);
        const Ran checked = run([&](std::FILE* out, std::FILE*) {
            return check({dir / "cow", dir / "origin", false}, out);
        });
        EXPECT_EQ(checked.exit, 0) << checked.out << checked.error;
        const Ran served = run([&](std::FILE* out, std::FILE* messages) {
            return read({dir / "cow", dir / "origin", dir / "s", {}, false, {}}, out, messages);
        });
        ASSERT_EQ(served.exit, 0) << served.error;
        struct stat st;
        ASSERT_EQ(::stat((dir / "s").c_str(), &st), 0);
        EXPECT_EQ(static_cast<std::uint64_t>(st.st_size), largest_file);
        EXPECT_LT(st.st_blocks * 512, 1 << 20);
    }
}

}  // namespace
}  // namespace cowlab::store
