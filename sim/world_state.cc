#include "sim/world_state.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"

namespace cowlab {
namespace {

struct Range {
    const std::byte* begin;
    const std::byte* end;
};

struct Hashing {
    StateKey key{1, 2};
    void bytes(const void* p, std::size_t size) {
        key.a = hash64(p, size, key.a);
        key.b = hash64(p, size, key.b);
    }
    void word(std::uint64_t w) {
        key.a = mix64(key.a ^ w);
        key.b = mix64(key.b + w * 0x9e3779b97f4a7c15ULL);
    }
};

// A stack holds red zones that a sanitizer guards; all of it is meant here, so it is copied first
// by somebody whom the sanitizer does not watch.
#if defined(__SANITIZE_ADDRESS__)
#define COWLAB_STACKS_ARE_GUARDED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COWLAB_STACKS_ARE_GUARDED 1
#endif
#endif
#ifdef COWLAB_STACKS_ARE_GUARDED
__attribute__((no_sanitize_address)) void hash_stack(Hashing& hash, const std::byte* low,
                                                     std::size_t size) {
    std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
    const auto* from = reinterpret_cast<const volatile std::uint64_t*>(low);
    std::uint64_t* to = words.data();
    for (std::size_t i = 0; i < size / sizeof(std::uint64_t); ++i) to[i] = from[i];
    hash.bytes(to, size);
}
#else
void hash_stack(Hashing& hash, const std::byte* low, std::size_t size) { hash.bytes(low, size); }
#endif

class LeftOut {
  public:
    void add(const void* p, std::size_t size) {
        const auto* begin = static_cast<const std::byte*>(p);
        if (p != nullptr && size > 0) ranges_.push_back({begin, begin + size});
    }
    // Calls f(pointer, size) with what of [begin, end) is not left out.
    template <class F>
    void for_the_rest(const std::byte* begin, const std::byte* end, F&& f) {
        std::sort(ranges_.begin(), ranges_.end(),
                  [](const Range& x, const Range& y) { return x.begin < y.begin; });
        for (const Range& r : ranges_) {
            if (r.begin > begin) f(begin, static_cast<std::size_t>(r.begin - begin));
            begin = std::max(begin, r.end);
        }
        if (end > begin) f(begin, static_cast<std::size_t>(end - begin));
    }

  private:
    std::vector<Range> ranges_;
};

std::uint64_t identity(const Candidate& c) {
    const auto task = reinterpret_cast<std::uint64_t>(c.task);
    return mix64(task ^ mix64(std::uint64_t{c.fiber} << 8 | static_cast<std::uint64_t>(c.kind)));
}

}  // namespace

StateKey state_of(SimHost& host, SimWorld& world, bool with_order) {
    const Arena& arena = host.arena();
    const SimExecutor& executor = world.sim_executor();
    const Chooser& chooser = world.chooser();
    const Recorder& recorder = world.world().recorder();

    LeftOut out;
    out.add(arena.base(), arena.bookkeeping_bytes());
    arena.for_each_free_block(
        [](void* context, const std::byte* block, std::size_t size) {
            static_cast<LeftOut*>(context)->add(block, size);
        },
        &out);
    out.add(&executor, sizeof executor);
    out.add(executor.line(), executor.line_block_bytes());
    executor.for_each_own_block([&](const void* p, std::size_t size) { out.add(p, size); });
    out.add(&chooser, sizeof chooser);
    out.add(chooser.taken_block(), chooser.taken_block_bytes());
    out.add(&recorder, sizeof recorder);
    out.add(recorder.ring(), recorder.ring_bytes());

    Hashing hash;
    out.for_the_rest(arena.base(), arena.base() + arena.used(),
                     [&](const std::byte* p, std::size_t size) {
                         hash.word(static_cast<std::uint64_t>(p - arena.base()));
                         hash.bytes(p, size);
                     });
    executor.fibers().for_each_live_stack([&](const Fibers::LiveStack& s) {
        if (s.has_ended) return;
        hash.word(s.fiber);
        hash_stack(hash, s.low, s.size);
    });
    // What is to come. The clock stands, so what needs time is told by when it is due.
    hash.word(world.now_us());
    executor.for_each_event([&](const FiberExecutor::Expected& e) {
        hash.word(e.due_us);
        hash.word(reinterpret_cast<std::uint64_t>(e.task));
        hash.word(e.fiber);
    });
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < executor.line_size(); ++i) {
        const Candidate& c = executor.line()[i];
        sum += identity(c);
        if (!with_order) continue;
        hash.word(identity(c));
        hash.word(c.late ? 1 : 0);
    }
    hash.word(sum);
    return hash.key;
}

}  // namespace cowlab
