// The pattern and RUNS, against the kernel's own answers: where golden says `= ok fnv=HASH RUNS` of
// patterns and zeros, the sectors made from RUNS must have that hash and must be told as that RUNS.
#include "scenarios/pattern.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "scenarios/golden_test_files.h"
#include "scenarios/parse.h"
#include "scenarios/runs.h"
#include "scenarios/words.h"

namespace cowlab {
namespace {

using Sector = std::array<std::uint8_t, sector_bytes>;

Sector pattern_sector(std::uint64_t seed, std::uint64_t sector) {
    Sector bytes;
    fill_pattern(bytes.data(), seed, sector);
    return bytes;
}

TEST(Pattern, a_sector_is_63_words_and_their_complement) {
    const Sector s = pattern_sector(7, 100);
    const std::uint64_t word = 0xD500000700000064;
    for (std::size_t i = 0; i < 63; ++i) EXPECT_EQ(load_le64(&s[8 * i]), word);
    EXPECT_EQ(load_le64(&s[504]), ~word);
    // 24 bits of the seed and 32 of the sector number are kept.
    EXPECT_EQ(pattern_word(0x1000007, 0x300000064), word);
}

TEST(Pattern, every_sector_is_recognised_as_what_it_is) {
    using Kind = SectorContent::Kind;
    const Sector s = pattern_sector(0xabcdef, 0xfffffffe);
    EXPECT_EQ(recognise(s.data()), (SectorContent{Kind::pattern, 0xabcdef, 0xfffffffe, 0}));
    EXPECT_EQ(content_id(s.data()), pattern_word(0xabcdef, 0xfffffffe));

    const Sector zeros{};
    EXPECT_EQ(recognise(zeros.data()), SectorContent{});
    EXPECT_EQ(content_id(zeros.data()), zero_content);

    // One changed bit anywhere makes it another sector, whose id can be neither zeros nor a
    // pattern.
    for (std::size_t byte = 0; byte < sector_bytes; ++byte) {
        for (const Sector& from : {s, zeros}) {
            Sector changed = from;
            changed[byte] ^= 1;
            EXPECT_EQ(recognise(changed.data()).kind, Kind::other) << byte;
            EXPECT_TRUE(is_other(content_id(changed.data())));
        }
    }
}

TEST(Pattern, an_id_can_be_made_bytes_again) {
    for (const ContentId id : {zero_content, pattern_word(0, 0), pattern_word(0xffffff, 5)}) {
        Sector bytes;
        bytes.fill(0x55);
        materialise(id, bytes.data());
        EXPECT_EQ(content_id(bytes.data()), id);
        EXPECT_EQ(recognise(bytes.data()), content_of(id));
    }
    // Seed 0 in sector 0 is a pattern, not zeros.
    EXPECT_EQ(content_of(pattern_word(0, 0)).kind, SectorContent::Kind::pattern);
}

std::string runs_of(const std::vector<SectorContent>& sectors) {
    Runs runs;
    for (const SectorContent& sector : sectors) runs.add(sector);
    return runs.text();
}

SectorContent at(std::uint32_t seed, std::uint32_t sector) {
    return content_of(pattern_word(seed, sector));
}

TEST(Runs, neighbours_that_belong_together_are_one_run) {
    EXPECT_EQ(runs_of({}), "");
    EXPECT_EQ(runs_of({at(7, 100), at(7, 101), at(7, 102)}), "7@100+3");
    EXPECT_EQ(runs_of({at(7, 100), at(7, 102), at(8, 103)}), "7@100+1 7@102+1 8@103+1");
    EXPECT_EQ(runs_of({at(7, 101), at(7, 100)}), "7@101+1 7@100+1");
    EXPECT_EQ(runs_of({{}, {}, at(0, 0), {}}), "0+2 0@0+1 0+1");
    EXPECT_EQ(runs_of({at(1, 0xffffffff), at(1, 0)}), "1@4294967295+1 1@0+1");
    SectorContent other{SectorContent::Kind::other, 0, 0, 0xbeef};
    EXPECT_EQ(runs_of({other, other, {}}), "?0000beef ?0000beef 0+1");
}

TEST(Runs, the_text_can_be_asked_for_in_between) {
    Runs runs;
    runs.add(at(1, 0));
    EXPECT_EQ(runs.text(), "1@0+1");
    runs.add(at(2, 1));
    EXPECT_EQ(runs.text(), "1@0+1 2@1+1");
}

// Appends the sectors of `7@100+8` or `0+8`. False for `?xxxxxxxx`, whose bytes nobody knows.
bool append_run(std::string_view run, std::vector<std::uint8_t>& bytes) {
    if (run.starts_with('?')) return false;
    const std::size_t at = run.find('@');
    const std::size_t plus = run.find('+');
    const auto number = [](std::string_view s) { return number_from(s, UINT64_MAX).value; };
    const std::uint64_t count = number(run.substr(plus + 1));
    for (std::uint64_t i = 0; i < count; ++i) {
        Sector sector{};
        if (at != std::string_view::npos) {
            sector = pattern_sector(number(run.substr(0, at)),
                                    number(run.substr(at + 1, plus - at - 1)) + i);
        }
        bytes.insert(bytes.end(), sector.begin(), sector.end());
    }
    return true;
}

TEST(Runs, the_kernels_answers_are_reproduced_with_their_hashes) {
    std::size_t reproduced = 0;
    for (const auto& file : golden_files(".out")) {
        const auto exchanges = parse_out(read_file(file), file.string());
        ASSERT_TRUE(exchanges);
        for (const Exchange& exchange : *exchanges) {
            Words words(exchange.answer.at(0));
            words.next();
            if (words.next() != "ok" || !words.peek().starts_with("fnv=")) continue;
            const std::string hash(words.next().substr(4));
            const std::string text(words.rest());
            std::vector<std::uint8_t> bytes;
            bool known = true;
            for (Words left(text); !left.at_end() && known;) {
                known = append_run(left.next(), bytes);
            }
            if (!known) continue;

            Fnv1a64 fnv;
            fnv.add(bytes.data(), bytes.size());
            EXPECT_EQ(fmt::format("{:016x}", fnv.value()), hash) << file << exchange.input;
            Runs runs;
            for (std::size_t i = 0; i < bytes.size(); i += sector_bytes) {
                runs.add(recognise(&bytes[i]));
            }
            EXPECT_EQ(runs.text(), text) << file << exchange.input;
            ++reproduced;
        }
    }
    EXPECT_GT(reproduced, 400u);
}

}  // namespace
}  // namespace cowlab
