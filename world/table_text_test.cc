// From the text of a table to the lines the device mapper takes.
#include "world/table_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/sim_world_test_support.h"

namespace cowlab {
namespace {

struct TableTextTest : testing::Test {
    TestWorld w;
    TableTextTest() { w.ok("disk d 64\ncreate a 0 8 zero"); }

    // "START LENGTH TYPE ARG|ARG" of every line, or why not.
    std::string split(std::string_view text) {
        const TableText t(w.sim().arena(), w.mapper(), text);
        if (!t.is_well_formed()) return "malformed";
        std::string out;
        for (std::size_t i = 0; i < t.line_count(); ++i) {
            const TableLine& l = t.lines()[i];
            out += (i == 0 ? "" : " ; ") + std::to_string(l.start.value) + " " +
                   std::to_string(l.length.value) + " " + std::string(l.type);
            for (std::size_t k = 0; k < l.arg_count; ++k)
                out += (k == 0 ? " " : "|") + std::string(l.args[k]);
        }
        return out;
    }
};

TEST_F(TableTextTest, lines_are_separated_by_semicolons_and_words_by_blanks) {
    EXPECT_EQ(split("0 8 zero"), "0 8 zero");
    EXPECT_EQ(split("  0   8\tzero  "), "0 8 zero");
    EXPECT_EQ(split("0 8 snapshot x y P 16"), "0 8 snapshot x|y|P|16");
    EXPECT_EQ(split("0 8 zero ; 8 8 linear x 0"), "0 8 zero ; 8 8 linear x|0");
    EXPECT_EQ(split("+0 008 zero"), "0 8 zero");
}

TEST_F(TableTextTest, a_name_becomes_the_number_of_its_device) {
    EXPECT_EQ(split("0 8 linear @d 0"), "0 8 linear 253:0|0");
    EXPECT_EQ(split("0 8 linear @a 0"), "0 8 linear 253:1|0");
    EXPECT_EQ(split("0 8 linear @unknown 0"), "0 8 linear @unknown|0")
        << "for the constructor to refuse";
    EXPECT_EQ(split("0 8 linear x@a @"), "0 8 linear x@a|@") << "only a word that begins with it";
    EXPECT_EQ(split("0 8 linear @a;8 8 linear @d 0"), "0 8 linear 253:1 ; 8 8 linear 253:0|0");
}

TEST_F(TableTextTest, a_line_without_two_numbers_and_a_target_is_malformed) {
    for (const char* text : {"", "0", "0 8", "x 8 zero", "0 y zero", "-1 8 zero", "0 8 zero ;",
                             "; 0 8 zero", "0 18446744073709551616 zero", "0x0 8 zero"}) {
        EXPECT_EQ(split(text), "malformed") << text;
    }
    EXPECT_EQ(w.run("create b 0 8"), "= err EINVAL (load)");
    EXPECT_EQ(w.mapper().find("b"), nullptr) << "and the device is gone again";
}

TEST_F(TableTextTest, many_lines_and_many_names_fit) {
    std::string text;
    std::string expected;
    for (int i = 0; i < 500; ++i) {
        text += std::string(i == 0 ? "" : " ; ") + std::to_string(i) + " 1 linear @d " +
                std::to_string(i % 64);
        expected += std::string(i == 0 ? "" : " ; ") + std::to_string(i) + " 1 linear 253:0|" +
                    std::to_string(i % 64);
    }
    EXPECT_EQ(split(text), expected);
}

TEST_F(TableTextTest, it_gives_its_memory_back) {
    const std::size_t before = w.sim().arena().live_bytes();
    split("0 8 linear @d 0 ; 8 8 zero");
    EXPECT_EQ(w.sim().arena().live_bytes(), before);
}

}  // namespace
}  // namespace cowlab
