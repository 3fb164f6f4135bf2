#include "world/fiber_executor.h"

#include <algorithm>
#include <cstring>

namespace cowlab {

void FiberExecutor::ReadyQueue::push(const ReadyEntry& e) {
    if (size_ == capacity_) {
        const std::uint32_t capacity = capacity_ == 0 ? 64 : capacity_ * 2;
        auto* ring = static_cast<ReadyEntry*>(arena_.allocate(capacity * sizeof(ReadyEntry)));
        CHECK(ring != nullptr, "a world's arena has room for its ready queue");
        for (std::uint32_t i = 0; i < size_; ++i) ring[i] = ring_[(head_ + i) & (capacity_ - 1)];
        arena_.free(ring_, capacity_ * sizeof(ReadyEntry));
        ring_ = ring;
        capacity_ = capacity;
        head_ = 0;
    }
    ring_[(head_ + size_) & (capacity_ - 1)] = e;
    ++size_;
}

void FiberExecutor::spawn(Task& task) {
    linked_.push_back(task);
    ready_.push({&task, 0, ReadyKind::fiber_task});
}

void FiberExecutor::post(Task& task) {
    linked_.push_back(task);
    ready_.push({&task, 0, ReadyKind::main_task});
}

void FiberExecutor::wait(Waiter& waiter) {
    ++switches_;
    if (waiter.woken) return;
    waiter.fiber = fibers_.current();
    CHECK(waiter.fiber != Fibers::none, "only a fiber may wait");
    do {
        fibers_.suspend();
    } while (!waiter.woken);
}

void FiberExecutor::wake(Waiter& waiter) {
    if (waiter.woken) return;
    waiter.woken = true;
    if (waiter.fiber != Fibers::none) make_ready(waiter.fiber);
}

void FiberExecutor::make_ready(std::uint32_t fiber) {
    ready_.push({nullptr, fiber, ReadyKind::fiber});
}

void FiberExecutor::yield_for(std::uint64_t delay_us) {
    ++switches_;
    if (delay_us == 0) return;
    push_event({now_us_ + delay_us, next_order_++, nullptr, fibers_.current(), true});
    fibers_.suspend();
}

void FiberExecutor::sleep(Milliseconds duration) {
    ++switches_;
    push_event({now_us_ + duration.value * 1000, next_order_++, nullptr, fibers_.current(), false});
    fibers_.suspend();
}

void FiberExecutor::post_after(Task& task, std::uint64_t delay_us) {
    push_event({now_us_ + delay_us, next_order_++, &task, 0, true});
}

void FiberExecutor::cancel(Task& task) {
    for (std::uint32_t i = 0; i < heap_size_; ++i) {
        if (heap_[i].task != &task) continue;
        // Stays in the heap, without effect: order among the others is untouched.
        heap_[i].task = nullptr;
        heap_[i].fiber = Fibers::none;
        return;
    }
}

// Four children a node: half as deep as with two, and they lie side by side.
constexpr std::uint32_t heap_ways = 4;

void FiberExecutor::push_event(Event event) {
    if (heap_size_ == heap_capacity_) {
        const std::uint32_t capacity = heap_capacity_ == 0 ? 64 : heap_capacity_ * 2;
        auto* heap = static_cast<Event*>(arena_.allocate(capacity * sizeof(Event)));
        CHECK(heap != nullptr, "a world's arena has room for its events");
        if (heap_size_ > 0) std::memcpy(heap, heap_, heap_size_ * sizeof(Event));
        arena_.free(heap_, heap_capacity_ * sizeof(Event));
        heap_ = heap;
        heap_capacity_ = capacity;
    }
    if (event.device) ++device_events_;
    std::uint32_t i = heap_size_++;
    while (i > 0) {
        const std::uint32_t parent = (i - 1) / heap_ways;
        if (!earlier(event, heap_[parent])) break;
        heap_[i] = heap_[parent];
        i = parent;
    }
    heap_[i] = event;
}

FiberExecutor::Event FiberExecutor::pop_event() {
    const Event top = heap_[0];
    const Event last = heap_[--heap_size_];
    std::uint32_t i = 0;
    for (;;) {
        const std::uint32_t first = heap_ways * i + 1;
        if (first >= heap_size_) break;
        const std::uint32_t after = std::min(first + heap_ways, heap_size_);
        std::uint32_t child = first;
        for (std::uint32_t c = first + 1; c < after; ++c) {
            if (earlier(heap_[c], heap_[child])) child = c;
        }
        if (!earlier(heap_[child], last)) break;
        heap_[i] = heap_[child];
        i = child;
    }
    heap_[i] = last;
    if (top.device) --device_events_;
    return top;
}

void FiberExecutor::fiber_entry(void* argument) {
    auto* task = static_cast<Task*>(argument);
    task->run(*task);
}

void FiberExecutor::resume(std::uint32_t fiber) {
    ++switches_;
    fibers_.resume(fiber);
}

void FiberExecutor::run_ready() { run_entry(ready_.pop()); }

void FiberExecutor::run_entry(const ReadyEntry& e) {
    if (e.task != nullptr) e.task->unlink();
    switch (e.kind) {
        case ReadyKind::main_task: e.task->run(*e.task); break;
        case ReadyKind::fiber_task: {
            const std::uint32_t fiber = fibers_.create(&FiberExecutor::fiber_entry, e.task);
            CHECK(fiber != Fibers::none, "a world has enough fibers for its work");
            resume(fiber);
            break;
        }
        case ReadyKind::fiber: resume(e.fiber); break;
    }
}

void FiberExecutor::fire(const Event& event) {
    advance_to(event.due_us);
    if (event.task != nullptr) {
        event.task->run(*event.task);
    } else if (event.fiber != Fibers::none) {
        resume(event.fiber);
    }
}

bool FiberExecutor::turn(Until until) {
    ++turns_;
    if (!ready_.empty()) {
        run_ready();
        return true;
    }
    if (heap_size_ == 0 || (until == Until::quiet && device_events_ == 0)) return false;
    fire(pop_event());
    return true;
}

bool FiberExecutor::turn_before(std::uint64_t us) {
    ++turns_;
    if (!ready_.empty()) {
        run_ready();
        return true;
    }
    if (heap_size_ == 0 || heap_[0].due_us > us) return false;
    fire(pop_event());
    return true;
}

void FiberExecutor::abandon_everything() {
    fibers_.abandon_all();
    ready_.clear();
    while (!linked_.empty()) linked_.pop_front();
    heap_size_ = 0;
    device_events_ = 0;
}

}  // namespace cowlab
