// Protects the overlay of two images: for random maps, sizes and holes, each byte and each hole is
// what a second, byte-wise account says.
#include "cli/store/snapshot_image.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/prng.h"

namespace cowlab::store {
namespace {

// Tells its runs of zero sectors as holes.
class HoleyImage final : public Image {
  public:
    explicit HoleyImage(const std::vector<std::byte>& bytes)
        : Image("image", bytes.size()), bytes_(bytes), memory_("image", bytes) {}
    Result<void> read(std::uint64_t offset, std::span<std::byte> to) const override {
        return memory_.read(offset, to);
    }
    Result<std::uint64_t> next_data(std::uint64_t offset) const override {
        const auto is_data = [](std::byte b) { return b != std::byte{0}; };
        const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(offset);
        const auto found = std::find_if(from, bytes_.end(), is_data);
        const auto at = static_cast<std::uint64_t>(found - bytes_.begin());
        return std::max(offset, at / 512 * 512);
    }

  private:
    const std::vector<std::byte>& bytes_;
    MemoryImage memory_;
};

std::vector<std::byte> sectors_half_zero(Prng& prng, std::uint64_t n) {
    std::vector<std::byte> bytes(n * 512);
    for (std::uint64_t s = 0; s < n; ++s) {
        if (prng.below(3) == 0) continue;
        for (std::uint64_t i = 0; i < 512; ++i) {
            bytes[s * 512 + i] = static_cast<std::byte>(1 + prng.below(255));
        }
    }
    return bytes;
}

TEST(SnapshotImage, EveryByteAndEveryHoleIsWhereAByteWiseAccountHasIt) {
    for (std::uint64_t stream = 0; stream < 300; ++stream) {
        SCOPED_TRACE(stream);
        Prng prng(1, stream);
        const ChunkSize chunk{Sectors{std::uint64_t{1} << prng.below(3)}};
        const std::uint64_t origin_sectors = prng.between(1, 60);
        const auto origin_bytes = sectors_half_zero(prng, origin_sectors);
        const auto cow_bytes = sectors_half_zero(prng, 200);
        const HoleyImage origin(origin_bytes);
        const HoleyImage cow(cow_bytes);
        const Sectors size{prng.between(1, origin_sectors)};

        // Runs with gaps between them, some beyond the end of a short snapshot.
        std::vector<store::Run> map;
        std::vector<std::byte> expected = origin_bytes;
        std::uint64_t old_chunk = prng.below(4), new_chunk = 2;
        while (old_chunk < chunk.chunks_ceil(Sectors{origin_sectors}) && new_chunk < 30) {
            const std::uint64_t count = std::min(
                prng.between(1, 5), chunk.chunks_ceil(Sectors{origin_sectors}) - old_chunk);
            map.push_back({{old_chunk}, {new_chunk}, count, 0});
            for (std::uint64_t i = 0; i < count * chunk.bytes(); ++i) {
                const std::uint64_t to = old_chunk * chunk.bytes() + i;
                if (to < expected.size()) expected[to] = cow_bytes[new_chunk * chunk.bytes() + i];
            }
            old_chunk += count + prng.below(4);
            new_chunk += count + prng.below(3);
        }
        expected.resize(size.bytes());

        const SnapshotImage snapshot(origin, cow, Layout(chunk, cow_bytes.size()), map, size);
        ASSERT_EQ(snapshot.bytes(), expected.size());
        for (int i = 0; i < 20; ++i) {
            const std::uint64_t at = prng.below(expected.size() + 1);
            std::vector<std::byte> got(prng.below(expected.size() - at + 1));
            ASSERT_TRUE(snapshot.read(at, got));
            ASSERT_TRUE(std::equal(got.begin(), got.end(),
                                   expected.begin() + static_cast<std::ptrdiff_t>(at)));
            const std::uint64_t data = snapshot.next_data(at).value();
            ASSERT_GE(data, at);
            ASSERT_LE(data, expected.size());
            const auto skipped = std::span(expected).subspan(at, data - at);
            ASSERT_TRUE(all_zero(skipped.data(), skipped.size()));
            if (data < expected.size()) {
                const auto sector = std::span(expected).subspan(data, 512 - data % 512);
                ASSERT_FALSE(data % 512 == 0 && all_zero(sector.data(), sector.size()))
                    << "a hole is not data";
            }
        }
    }
}

}  // namespace
}  // namespace cowlab::store
