// A doubly linked list through its elements: no allocation, O(1) removal of a known element.
//
// An element derives from ListNode<Tag>; it is in at most one list per tag. The list does not own
// its elements. Destroying a linked node or a non-empty list is a bug.
#pragma once

#include <cstddef>
#include <iterator>

#include "base/check.h"

namespace cowlab {

struct DefaultListTag;

template <class Tag = DefaultListTag>
class ListNode {
  public:
    ListNode() = default;
    ListNode(const ListNode&) = delete;
    ListNode& operator=(const ListNode&) = delete;
    bool is_linked() const { return next_ != nullptr; }
    // REQUIRES: is_linked().
    void unlink() {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        prev_ = next_ = nullptr;
    }

  private:
    template <class, class>
    friend class List;
    ListNode* prev_ = nullptr;
    ListNode* next_ = nullptr;
};

template <class T, class Tag = DefaultListTag>
class List {
    using Node = ListNode<Tag>;

  public:
    List() { head_.prev_ = head_.next_ = &head_; }
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    class iterator {
      public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = T*;
        using reference = T&;
        iterator() = default;
        T& operator*() const { return *static_cast<T*>(node_); }
        T* operator->() const { return static_cast<T*>(node_); }
        iterator& operator++() {
            node_ = List::next_of(node_);
            return *this;
        }
        iterator operator++(int) {
            iterator before = *this;
            ++*this;
            return before;
        }
        bool operator==(const iterator&) const = default;

      private:
        friend class List;
        explicit iterator(Node* n) : node_(n) {}
        Node* node_ = nullptr;
    };

    iterator begin() const { return iterator(head_.next_); }
    iterator end() const { return iterator(const_cast<Node*>(&head_)); }
    bool empty() const { return head_.next_ == &head_; }
    std::size_t count() const {
        std::size_t n = 0;
        for (Node* p = head_.next_; p != &head_; p = p->next_) ++n;
        return n;
    }
    T& front() const { return *static_cast<T*>(head_.next_); }
    T& back() const { return *static_cast<T*>(head_.prev_); }

    void push_back(T& e) { link(head_.prev_, &e, &head_); }
    void push_front(T& e) { link(&head_, &e, head_.next_); }
    // Puts `e` before `position`, which must be in this list.
    void insert_before(T& position, T& e) {
        Node* n = &static_cast<Node&>(position);
        link(n->prev_, &e, n);
    }
    // REQUIRES: not empty.
    T& pop_front() {
        T& e = front();
        static_cast<Node&>(e).unlink();
        return e;
    }
    // Moves every element of `other` to the end of this list, in order; an empty `other` is fine.
    void splice_back(List& other) {
        if (other.empty()) return;
        Node* first = other.head_.next_;
        Node* last = other.head_.prev_;
        first->prev_ = head_.prev_;
        head_.prev_->next_ = first;
        last->next_ = &head_;
        head_.prev_ = last;
        other.head_.prev_ = other.head_.next_ = &other.head_;
    }

  private:
    static Node* next_of(Node* n) { return n->next_; }
    static void link(Node* before, Node* e, Node* after) {
        CHECK(!e->is_linked(), "an element is in one list at a time");
        e->prev_ = before;
        e->next_ = after;
        before->next_ = e;
        after->prev_ = e;
    }
    Node head_;
};

}  // namespace cowlab
