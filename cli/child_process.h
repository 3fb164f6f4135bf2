// A child process that may die of what it does: forked, talked to in packets, and told apart by
// how it ended.
//
// The engine under test may loop, write anywhere or abort. So whatever runs it is a child: one
// socket to its parent, standard error caught in memory, no core file, and gone when the parent is
// gone. The signals of the terminal are the parent's business. A child never returns into the
// parent's code: its body ends in _exit.
//
// `Board` is a page both sides see: where the child is, for the parent; and what killed it. The
// child may have written nonsense there: a reader checks what it finds.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cowlab {

struct Board {
    static constexpr std::uint32_t frames_max = 24;
    std::uint64_t seed = 0;
    std::uint64_t step = 0;     // of the scenario under way
    std::uint64_t beats = 0;    // moves when anything at all gets done outside of turns
    std::uint64_t address = 0;  // what a fatal signal was about
    std::uint32_t in_guard_page = 0;
    std::uint32_t stop = 0;  // from the parent: finish what is under way
    std::uint32_t frame_count = 0;
    std::uint64_t frames[frames_max] = {};
};

// Memory that both sides of a fork see.
template <class T>
class Shared {
  public:
    Shared();
    ~Shared();
    Shared(const Shared&) = delete;
    Shared& operator=(const Shared&) = delete;
    T* operator->() const { return value_; }
    T& operator*() const { return *value_; }

  private:
    T* value_;
};

void* map_shared(std::size_t bytes);
void unmap_shared(void* at, std::size_t bytes);
template <class T>
Shared<T>::Shared() : value_(new (map_shared(sizeof(T))) T) {}
template <class T>
Shared<T>::~Shared() {
    unmap_shared(value_, sizeof(T));
}

// The watchdog of a child says with this exit code that a turn did not end.
inline constexpr int exit_stuck = 112;

// How a child ended.
struct ChildEnd {
    enum class Kind { clean, exited, signalled, stuck } kind = Kind::clean;
    int code = 0;      // exit code or signal
    std::string said;  // what it said on standard error, up to 64 KiB
    bool sanitizer = false;
    bool is_clean() const { return kind == Kind::clean; }
    // A signal that nothing in the program raises: somebody else sent it.
    bool is_from_outside() const;
    // died-SIGSEGV, died-sanitizer, died-exit-3, stuck-in-a-turn.
    std::string word() const;
};

// `died SIGSEGV`, `stuck in a turn`: as people read it. In scenarios a word has no blank.
std::string shown_word(std::string_view word);
bool is_death(std::string_view word);

class Child {
  public:
    // The child's side.
    class Line {
      public:
        explicit Line(int fd) : fd_(fd) {}
        void send(std::string_view packet);
        // False: the parent is done with this child.
        bool receive(std::string& packet);

      private:
        int fd_;
    };
    enum class Output { caught, inherited };

    Child() = default;
    Child(Child&& other) noexcept { *this = std::move(other); }
    Child& operator=(Child&& other) noexcept;
    ~Child();

    // Forks. nullptr-like (is_running() false) if the host has no process for it.
    static Child start(const std::function<void(Line&)>& body, Output errors = Output::caught);
    bool is_running() const { return pid_ > 0; }
    pid_t pid() const { return pid_; }
    int fd() const { return fd_; }

    void send(std::string_view packet);
    // Takes what has arrived without waiting (`wait`: waits for some). False: the child has closed.
    bool receive(bool wait);
    // The next whole packet, if there is one.
    bool next(std::string& packet);
    void kill_it();
    // After receive() said false, or to end it: how it ended.
    ChildEnd end();

  private:
    pid_t pid_ = -1;
    int fd_ = -1;
    int errors_ = -1;
    std::string arrived_;
};

// Runs `body` in a child to its end; `on_packet` gets what it sends. `seconds`: of wall clock,
// after which it is killed and called stuck.
ChildEnd run_in_child(const std::function<void(Child::Line&)>& body,
                      const std::function<void(std::string&)>& on_packet, unsigned seconds = 600,
                      Child::Output errors = Child::Output::caught);

}  // namespace cowlab
