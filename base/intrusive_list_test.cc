// The lists every queue of the engine is made of: order, O(1) removal, one list at a time.
#include "base/intrusive_list.h"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "base/prng.h"

namespace cowlab {
namespace {

struct OtherTag;
struct Item : ListNode<>, ListNode<OtherTag> {
    explicit Item(int v = 0) : value(v) {}
    int value;
    bool in_list() const { return static_cast<const ListNode<>&>(*this).is_linked(); }
    void take_out() { static_cast<ListNode<>&>(*this).unlink(); }
};
using Items = List<Item>;

std::vector<int> values(const Items& list) {
    std::vector<int> out;
    for (const Item& i : list) out.push_back(i.value);
    return out;
}

TEST(IntrusiveList, elements_are_in_the_order_they_were_put) {
    Items list;
    Item a(1), b(2), c(3), d(4);
    EXPECT_TRUE(list.empty());
    list.push_back(b);
    list.push_back(d);
    list.push_front(a);
    list.insert_before(d, c);
    EXPECT_EQ(values(list), (std::vector<int>{1, 2, 3, 4}));
    EXPECT_EQ(list.count(), 4u);
    EXPECT_EQ(list.front().value, 1);
    EXPECT_EQ(list.back().value, 4);
    EXPECT_EQ(&list.pop_front(), &a);
    EXPECT_FALSE(a.in_list());
    c.take_out();
    EXPECT_EQ(values(list), (std::vector<int>{2, 4}));
    while (!list.empty()) list.pop_front();
    EXPECT_EQ(list.count(), 0u);
}

TEST(IntrusiveList, an_element_is_in_one_list_a_tag) {
    Items list;
    List<Item, OtherTag> other;
    Item a(1), b(2);
    list.push_back(a);
    list.push_back(b);
    other.push_back(b);
    other.push_back(a);
    a.take_out();
    EXPECT_EQ(other.count(), 2u) << "the other list does not notice";
    EXPECT_EQ(&other.front(), &b);
    b.take_out();
    while (!other.empty()) other.pop_front();
}

TEST(IntrusiveList, an_element_can_leave_while_it_is_visited) {
    Items list;
    Item items[] = {Item(1), Item(2), Item(3), Item(4)};
    for (Item& i : items) list.push_back(i);
    for (auto it = list.begin(); it != list.end();) {
        Item& i = *it++;
        if (i.value % 2 == 0) i.take_out();
    }
    EXPECT_EQ(values(list), (std::vector<int>{1, 3}));
    while (!list.empty()) list.pop_front();
}

TEST(IntrusiveList, splicing_moves_everything_in_order_and_empties_the_source) {
    Items from;
    Items to;
    Item a(1), b(2), c(3);
    to.splice_back(from);  // nothing to move
    EXPECT_TRUE(to.empty());
    from.push_back(b);
    from.push_back(c);
    to.splice_back(from);
    EXPECT_TRUE(from.empty());
    from.push_back(a);
    from.splice_back(to);
    EXPECT_EQ(values(from), (std::vector<int>{1, 2, 3}));
    EXPECT_TRUE(to.empty());
    to.push_back(from.pop_front());
    EXPECT_EQ(values(to), (std::vector<int>{1})) << "an emptied list is as good as new";
    to.pop_front();
    while (!from.empty()) from.pop_front();
}

TEST(IntrusiveList, it_agrees_with_a_deque_over_random_operations) {
    Prng random(3);
    std::vector<Item> items(40);
    for (std::size_t i = 0; i < items.size(); ++i) items[i].value = static_cast<int>(i);
    Items list;
    std::deque<int> model;
    const auto position = [&](int v) { return std::find(model.begin(), model.end(), v); };
    for (int step = 0; step < 20000; ++step) {
        Item& i = items[random.below(items.size())];
        if (i.in_list()) {
            model.erase(position(i.value));
            i.take_out();
        } else if (const auto how = random.below(3); how == 0 || list.empty()) {
            list.push_back(i);
            model.push_back(i.value);
        } else if (how == 1) {
            list.push_front(i);
            model.push_front(i.value);
        } else {
            Item& at = items[static_cast<std::size_t>(model[random.below(model.size())])];
            list.insert_before(at, i);
            model.insert(position(at.value), i.value);
        }
        ASSERT_EQ(values(list), std::vector<int>(model.begin(), model.end()));
    }
    while (!list.empty()) list.pop_front();
}

TEST(IntrusiveListDeathTest, an_element_cannot_be_in_two_lists) {
    Items one;
    Items two;
    Item a;
    one.push_back(a);
    EXPECT_DEATH(two.push_back(a), "an element is in one list at a time");
    one.pop_front();
}

}  // namespace
}  // namespace cowlab
