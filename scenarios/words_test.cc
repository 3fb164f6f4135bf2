// The atoms: a number is read exactly or refused, a message never carries bytes a terminal or a
// JSON writer would choke on, and a misspelt word finds its neighbour.
#include "scenarios/words.h"

#include <gtest/gtest.h>

#include "scenarios/form.h"

namespace cowlab {
namespace {

TEST(Words, are_what_stands_between_blanks) {
    Words words(" \twrite  base\r");
    EXPECT_EQ(words.peek(), "write");
    EXPECT_EQ(words.next(), "write");
    EXPECT_EQ(words.next(), "base");
    EXPECT_TRUE(words.at_end());
    EXPECT_EQ(words.next(), "");

    Words text("say  two  words ");
    text.next();
    EXPECT_EQ(text.rest(), "two  words");
    EXPECT_TRUE(text.at_end());
}

TEST(Words, numbers_are_read_to_the_last_bit_or_refused) {
    EXPECT_EQ(number_from("18446744073709551615", UINT64_MAX).value, UINT64_MAX);
    EXPECT_EQ(number_from("0xFFFFffffffffffff", UINT64_MAX).value, UINT64_MAX);
    EXPECT_EQ(number_from("0000000000000000000000012", UINT64_MAX).value, 12u);
    EXPECT_EQ(number_from("18446744073709551616", UINT64_MAX).fault, NumberFault::too_large);
    EXPECT_EQ(number_from("0x10000000000000000", UINT64_MAX).fault, NumberFault::too_large);
    EXPECT_EQ(number_from("9", 8).fault, NumberFault::too_large);
    EXPECT_EQ(number_from("8", 8).fault, NumberFault::none);
    // Not a number is said rather than too large, wherever the bad digit stands.
    EXPECT_EQ(number_from("99999999999999999999x", UINT64_MAX).fault, NumberFault::not_a_number);
    for (const char* word : {"", "0x", "-1", "+1", "1 ", "1.0", "1e3", "a", "0x1g", "٣"}) {
        EXPECT_EQ(number_from(word, UINT64_MAX).fault, NumberFault::not_a_number) << word;
    }
}

TEST(Words, ordinals_may_be_written_as_people_say_them) {
    EXPECT_EQ(ordinal_from("1st").value, 1u);
    EXPECT_EQ(ordinal_from("22nd").value, 22u);
    EXPECT_EQ(ordinal_from("4").value, 4u);
    for (const char* word : {"st", "first", "0x1", "1stt", ""}) {
        EXPECT_EQ(ordinal_from(word).fault, NumberFault::not_a_number) << word;
    }
}

TEST(Words, a_name_is_one_word_of_letters_digits_and_four_signs) {
    for (const char* name : {"a", "s.store", "vg-root_1+2", "_", "0"}) EXPECT_TRUE(is_name(name));
    EXPECT_TRUE(is_name(std::string(127, 'a')));
    for (const char* name : {"", "-a", ".a", "a/b", "@a", "a b", "ä", "a;"}) {
        EXPECT_FALSE(is_name(name)) << name;
    }
    EXPECT_FALSE(is_name(std::string(128, 'a')));
}

TEST(Words, text_is_utf8_without_control_characters) {
    for (const char* text : {"", "a\tb", "é", "€", "😀", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_EQ(column_that_is_not_text(text), std::nullopt) << text;
    }
    const std::vector<std::pair<std::string, std::size_t>> bad = {{std::string("a\0b", 3), 2},
                                                                  {"ab\r", 3},
                                                                  {"\x7f", 1},
                                                                  {"a\x80", 2},
                                                                  {"\xc0\xaf", 1},
                                                                  {"\xe2\x82", 1},
                                                                  {"\xed\xa0\x80", 1},
                                                                  {"\xf4\x90\x80\x80", 1},
                                                                  {"\xe0\x80\x80", 1},
                                                                  {"\xf0\x80\x80\x80", 1},
                                                                  {"\xff", 1},
                                                                  {"é\xc3", 3}};
    for (const auto& [text, column] : bad) EXPECT_EQ(column_that_is_not_text(text), column);
}

TEST(Words, a_quoted_word_is_short_and_is_text) {
    EXPECT_EQ(in_quotes("a"), "\"a\"");
    EXPECT_EQ(in_quotes(std::string("a\0\xff", 3)), "\"a??\"");
    EXPECT_EQ(in_quotes(std::string(100, 'x')), "\"" + std::string(40, 'x') + "…\"");
    EXPECT_EQ(column_that_is_not_text(in_quotes(std::string(39, 'x') + "€uro")), std::nullopt);
}

TEST(Words, the_nearest_word_is_found_or_none) {
    EXPECT_EQ(nearest("wirte", first_words()), "write");
    EXPECT_EQ(nearest("power_loss", first_words()), "power-loss");
    EXPECT_EQ(nearest("polcy", first_words()), "policy");
    EXPECT_EQ(nearest("xyzzyplughxyzzyplugh", first_words()), "");
    EXPECT_EQ(nearest(std::string(1 << 20, 'w'), first_words()), "");
    EXPECT_EQ(nearest("", first_words()), "");
}

TEST(Words, alternatives_are_a_sentence) {
    const std::string_view words[] = {"a", "b", "c"};
    EXPECT_EQ(alternatives(words), "a, b or c");
    EXPECT_EQ(alternatives({words, 2}), "a or b");
    EXPECT_EQ(alternatives({words, 1}), "a");
}

TEST(Form, every_verb_is_found_by_its_name) {
    for (std::size_t i = 1; i < verb_count; ++i) {
        const Verb verb = static_cast<Verb>(i);
        EXPECT_EQ(verb_named(name_of(verb)), verb);
        EXPECT_TRUE(form_text(verb).starts_with(name_of(verb)));
    }
    EXPECT_EQ(verb_named("?"), Verb::unknown);
    EXPECT_EQ(verb_named(""), Verb::unknown);
    EXPECT_EQ(form_text(Verb::write), "write DEV SECTOR COUNT SEED [fua]");
    EXPECT_EQ(form_text(Verb::reload), "reload");
}

}  // namespace
}  // namespace cowlab
