// Protects the border between a campaign and what it runs: packets arrive whole, nonsense is not
// believed, and how a child ended is told by name.
#include "cli/child_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "cli/packet.h"

namespace cowlab {
namespace {

ChildEnd end_of(const std::function<void(Child::Line&)>& body) {
    return run_in_child(body, [](std::string&) {});
}

TEST(ChildProcess, packets_of_any_size_arrive_whole_and_in_order) {
    std::vector<std::string> arrived;
    const ChildEnd end = run_in_child(
        [](Child::Line& line) {
            for (std::size_t size : {0u, 1u, 70'000u, 3'000'000u})
                line.send(std::string(size, 'x'));
        },
        [&](std::string& p) { arrived.push_back(p); });
    EXPECT_TRUE(end.is_clean());
    ASSERT_EQ(arrived.size(), 4u);
    EXPECT_EQ(arrived[3].size(), 3'000'000u);
}

TEST(ChildProcess, the_end_of_a_child_has_a_name) {
    EXPECT_EQ(end_of([](Child::Line&) {}).word(), "");
    EXPECT_EQ(end_of([](Child::Line&) { std::raise(SIGKILL); }).word(), "died-SIGKILL");
    EXPECT_EQ(end_of([](Child::Line&) { std::abort(); }).word(), "died-SIGABRT");
    EXPECT_EQ(end_of([](Child::Line&) { _exit(3); }).word(), "died-exit-3");
    EXPECT_EQ(end_of([](Child::Line&) { _exit(exit_stuck); }).word(), "stuck-in-a-turn");
    EXPECT_EQ(shown_word("died-SIGSEGV"), "died SIGSEGV");
    EXPECT_EQ(shown_word("stuck-in-a-turn"), "stuck in a turn");
    EXPECT_EQ(shown_word("snapshot-immutability"), "snapshot-immutability");
}

TEST(ChildProcess, only_signals_that_nothing_in_here_raises_are_from_outside) {
    EXPECT_TRUE(end_of([](Child::Line&) { std::raise(SIGKILL); }).is_from_outside());
    EXPECT_FALSE(end_of([](Child::Line&) { std::abort(); }).is_from_outside());
    EXPECT_FALSE(end_of([](Child::Line&) { _exit(1); }).is_from_outside());
}

TEST(ChildProcess, what_it_says_on_standard_error_is_kept) {
    const ChildEnd end = end_of([](Child::Line&) {
        std::fputs("last words\n", stderr);
        std::abort();
    });
    EXPECT_EQ(end.said, "last words\n");
    const ChildEnd sanitized = end_of([](Child::Line&) {
        std::fputs("==1==ERROR: AddressSanitizer: heap-use-after-free\n", stderr);
        _exit(1);
    });
    EXPECT_EQ(sanitized.word(), "died-sanitizer");
}

TEST(ChildProcess, a_packet_that_is_short_or_lies_about_its_length_reads_as_nothing) {
    PacketWriter w;
    w.number(UINT64_MAX);
    PacketReader r(w.bytes());
    EXPECT_EQ(r.text(), "");
    EXPECT_FALSE(r.ok());
    PacketReader empty("");
    EXPECT_EQ(empty.number(), 0u);
    EXPECT_FALSE(empty.ok());
    PacketReader many(w.bytes());
    EXPECT_EQ(many.count(), 0u);
    EXPECT_FALSE(many.ok());
}

}  // namespace
}  // namespace cowlab
