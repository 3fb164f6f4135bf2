// Digests go into files and are compared between machines: published values hold them down.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/bytes.h"

namespace cowlab {
namespace {

TEST(Hash, fnv_is_fnv_1a_64) {
    const auto fnv = [](const char* text) {
        Fnv1a64 f;
        f.add(text, std::strlen(text));
        return f.value();
    };
    EXPECT_EQ(fnv(""), 0xcbf29ce484222325u);
    EXPECT_EQ(fnv("a"), 0xaf63dc4c8601ec8cu);
    EXPECT_EQ(fnv("foobar"), 0x85944171f73967e8u);
}

TEST(Hash, hash64_is_xxh3) {
    EXPECT_EQ(hash64("", 0), 0x2d06800538d394c2u);
    EXPECT_NE(hash64("abc", 3), hash64("abc", 3, 1));
}

TEST(Hash, a_digest_depends_on_every_word_and_on_their_order) {
    const auto digest = [](std::initializer_list<std::uint64_t> words) {
        Digest d;
        for (const std::uint64_t w : words) d.add(w);
        return d.value();
    };
    EXPECT_NE(digest({1, 2}), digest({2, 1}));
    EXPECT_NE(digest({0}), digest({}));
    EXPECT_NE(digest({0, 0}), digest({0}));
    for (unsigned bit = 0; bit < 64; ++bit) {
        EXPECT_NE(digest({std::uint64_t{1} << bit, 5}), digest({0, 5})) << bit;
    }
}

TEST(Bytes, words_are_little_endian_at_any_address) {
    unsigned char b[16] = {0xff, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    EXPECT_EQ(load_le32(b + 1), 0x04030201u);
    EXPECT_EQ(load_le64(b + 1), 0x0807060504030201u);
    store_le32(b + 3, 0xaabbccdd);
    EXPECT_EQ(b[3], 0xdd);
    EXPECT_EQ(b[6], 0xaa);
    store_le64(b + 7, 0x1122334455667788);
    EXPECT_EQ(b[7], 0x88);
    EXPECT_EQ(b[14], 0x11);
}

TEST(Bytes, all_zero_sees_one_byte_anywhere) {
    unsigned char b[64] = {};
    EXPECT_TRUE(all_zero(b, 64));
    EXPECT_TRUE(all_zero(b, 0));
    for (int i = 0; i < 64; ++i) {
        b[i] = 1;
        EXPECT_FALSE(all_zero(b, 64)) << i;
        EXPECT_TRUE(all_zero(b, static_cast<std::size_t>(i)));
        b[i] = 0;
    }
}

}  // namespace
}  // namespace cowlab
